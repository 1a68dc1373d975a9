"""What the window is made of: its panels, which of them share a page, and who does their work."""

from __future__ import annotations

from hybridstudio.gui.anatomy import Panel
from hybridstudio.gui.panels.bigsteps import BigStepsPanel
from hybridstudio.gui.panels.branches import BranchesPanel
from hybridstudio.gui.panels.compare import ComparePanel
from hybridstudio.gui.panels.data import DataPanel
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.panels.handover import HandoverPanel
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.panels.latentmath import LatentMathPanel
from hybridstudio.gui.panels.latentpair import LatentPairPanel
from hybridstudio.gui.panels.latentwalk import LatentWalkPanel
from hybridstudio.gui.panels.particles import ParticlesPanel
from hybridstudio.gui.panels.race import RacePanel
from hybridstudio.gui.panels.scores import ScoresPanel
from hybridstudio.gui.panels.setup import SetupPanel
from hybridstudio.gui.panels.train import TrainPanel
from hybridstudio.gui.panels.trilemma import TrilemmaPanel
from hybridstudio.gui.panels.welcome import WelcomePanel
from hybridstudio.gui.views import Views
from hybridstudio.messages import (
    Augment,
    Browse,
    Chances,
    Decode,
    Directions,
    Draw,
    Encode,
    Fields,
    Neighbours,
    Noise,
    Place,
    Probe,
    Race,
    Repeat,
    Score,
    Sheets,
    Sweep,
)

TRAINING = 250  # ms between looks at what the training tells: each costs it a little

# All panels in order; one that is no view of another's page has a page of its own.
PANELS: dict[str, type[Panel]] = {
    "welcome": WelcomePanel,
    "setup": SetupPanel,
    "train": TrainPanel,
    "denoise": DenoisePanel,
    "branches": BranchesPanel,
    "race": RacePanel,
    "handover": HandoverPanel,
    "bigsteps": BigStepsPanel,
    "particles": ParticlesPanel,
    "latent": LatentPanel,
    "latentwalk": LatentWalkPanel,
    "latentmath": LatentMathPanel,
    "latentpair": LatentPairPanel,
    "trilemma": TrilemmaPanel,
    "scores": ScoresPanel,
    "compare": ComparePanel,
    "data": DataPanel,
}
# Panels that share a page with others, by the first of them; its title is the page's.
VIEWS: dict[str, tuple[str, ...]] = {
    "denoise": ("branches", "race", "handover", "bigsteps", "particles"),
    "latent": ("latentwalk", "latentmath", "latentpair"),
    "trilemma": ("scores",),
}
# The lane that does each kind of work; within a lane the newest request wins.
WORK: dict[type, str] = {
    Draw: "interactive",
    Race: "interactive",
    Chances: "interactive",
    Fields: "interactive",
    Decode: "interactive",
    Sheets: "interactive",
    Encode: "finding",
    Directions: "finding",
    Place: "placing",
    Neighbours: "comparing",  # beside a search of the same page, which goes on
    Score: "scoring",
    Sweep: "scoring",
    Repeat: "scoring",
    Browse: "looking",
    Noise: "looking",
    Augment: "looking",
    Probe: "estimating",
}


def pages(panels: dict[str, Panel]) -> dict[str, Views]:
    """Return the pages by the name of their first panel, each with the views that share it."""
    shared = {name for names in VIEWS.values() for name in names}
    return {name: Views({view: panels[view] for view in (name, *VIEWS.get(name, ()))})
            for name in panels if name not in shared}
