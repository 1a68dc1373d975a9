"""Where runs stand between quality, coverage and speed: their scores as dots that may be compared.

    dots = of_runs(everyone())              every score of every run, with all that it carries
    board = boards(dots)[0]                 those of one ground: data, part, features, N
    front(board.dots, "ms")                 those that none beats in both respects
    stand(board.dots, way)                  measured, read off between two, or not known yet
    plan(run, way, "nfe")                   what to score for a curve

Neither torch nor Qt: the window and the command line share it.
"""

from hybridstudio.standing.between import Ghost, curves, milliseconds, stand
from hybridstudio.standing.boards import (
    Board,
    Cost,
    boards,
    cautions,
    comparable,
    front,
    machine_of,
    newest,
    why_not,
)
from hybridstudio.standing.corners import triangle
from hybridstudio.standing.dots import (
    FIGURES,
    Dot,
    Figure,
    Ground,
    Machine,
    Way,
    dot_of,
    everyone,
    figure_of,
    figure_told,
    knobs,
    name_of,
    of_run,
    of_runs,
    way_of,
)
from hybridstudio.standing.figure import Drawn, Scene
from hybridstudio.standing.plot import pareto
from hybridstudio.standing.published import over, published, why_none
from hybridstudio.standing.svg import colours, sheet
from hybridstudio.standing.sweeping import (
    again,
    at_step,
    axes,
    plan,
    repeatable,
    request,
    seconds,
    with_eta,
    with_guidance,
    with_knob,
    with_nfe,
    with_sampler,
)
from hybridstudio.standing.triangle import Scales, Wants, place, scales

__all__ = [
    "FIGURES", "Board", "Cost", "Dot", "Drawn", "Figure", "Ghost", "Ground", "Machine",
    "Scales", "Scene", "Wants", "Way", "again", "at_step", "axes", "boards", "cautions",
    "colours", "comparable", "curves", "dot_of", "everyone", "figure_of", "figure_told",
    "front", "knobs", "machine_of", "milliseconds", "name_of", "newest", "of_run", "of_runs",
    "over", "pareto", "place", "plan", "published", "repeatable", "request", "scales",
    "seconds", "sheet", "stand", "triangle", "way_of", "why_none", "why_not", "with_eta",
    "with_guidance", "with_knob", "with_nfe", "with_sampler",
]
