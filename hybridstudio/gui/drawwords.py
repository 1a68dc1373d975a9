"""What the drawing panel says: where a frame stands, and why there is none. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hybridstudio import commands, telling
from hybridstudio.gui.drawing import DrawSettings, is_points
from hybridstudio.messages import Frame, Notice
from hybridstudio.runs import Run

NO_RUN = Notice("A picture's settings were dropped", "no run is open to take them",
                "choose one in the library and drop it again")
HELP = (
    "<p>A diffusion model begins with pure noise and removes a little of it in each step; a "
    "GAN or a VAE draws in one pass.</p>"
    "<p><b>x<sub>t</sub></b> is the noisy picture at noise level t, <b>x\u0302<sub>0</sub></b> "
    "the clean picture the network expects from there, <b>ε\u0302</b> the noise it sees.</p>"
    "<p>Draw with Ctrl+Return. Scrub with the slider, the arrow keys, the wheel, Home and End; "
    "Space plays. Double-click a picture to enlarge it, + and − zoom, 0 shows it whole. "
    "Changing a setting draws anew; settings that were drawn before come back at once.</p>"
    "<p>A run with several checkpoints has a second slider: the same noise, drawn with the "
    "weights of another training step.</p>"
    "<p>Drop a picture of yours to noise and denoise it, to complete a part of it, or to "
    "walk it back to its noise.</p>")


def no_start(run: Run) -> Notice:
    """Tell that a run's model begins with no picture."""
    return Notice(f"{run.name} starts from no picture",
                  "only a model that removes noise step by step does",
                  "choose a diffusion model in the library", "warning")


def readout(frame: Frame, levels: int, left: float | None,
            among: tuple[int, int] = (1, 1)) -> str:
    """Tell where a frame stands: its noise level of `levels`, step, time left, evaluations.

    `among` is which of how many steps at this level it is.
    """
    nfe = f"{frame.nfe:,} evaluation{'' if frame.nfe == 1 else 's'}"
    if frame.steps == 0:
        said = ["Drawn in one pass: there are no steps to go through", nfe]
    else:
        number, alike = among
        of_level = f" ({number} of {alike})" if alike > 1 else ""
        said = [f"t = {round(frame.t):,} of {levels or round(frame.t):,}{of_level}",
                f"step {frame.step:,} of {frame.steps:,}"]
        if left is not None and left >= 1:
            said.append(f"{telling.duration(round(left))} left")
        said.append(nfe)
    return "  ·  ".join(said)


def draws(run: Run | None) -> bool:
    """Tell whether a run's model draws at all; a classifier does not."""
    return run is None or bool(run.config.model.samplers)


def can_draw(run: Run | None) -> bool:
    """Tell whether a run can be drawn from now."""
    return run is not None and draws(run) and (bool(run.checkpoints) or run.state == "training")


def why_empty(run: Run | None, awaited: str, is_drawing: bool, can_draw: bool) -> str:
    """Tell why there is no picture yet, and what to do; `awaited` is a run that gets ready."""
    if awaited:
        return (f"Getting {awaited} ready…\n"
                "There is something to draw from once its training has begun.")
    if run is None:
        return "Choose a model in the library to watch it turn noise into pictures."
    if not draws(run):
        return (f"{run.name} draws nothing: a {run.config.model.title.lower()} tells what a "
                "picture shows.\nHow well it does stands on the page Train.")
    if is_drawing:
        return f"Getting {run.name} ready…"
    if not can_draw:
        return (f"{run.name} has no checkpoint to draw from yet.\n"
                "Let it train until its first save.")
    what = "points" if is_points(run.config) else "pictures"
    return f"Press Draw to watch {run.name} turn noise into {what} (Ctrl+Return)."


def restored(name: str, run: Run) -> Notice:
    """Tell that the settings of a picture drawn from the run `name` are back, for another or it."""
    if name == run.name:
        return Notice(f"The settings of a picture of {name} are back",
                      fix="press Draw to make it again")
    return Notice(f"These settings come from a picture of {name}",
                  f"{run.name} is chosen now, so it draws other pictures",
                  f"choose {name} in the library", "warning")


def came_back(error: float) -> Notice:
    """Tell how well an inverted picture came back."""
    return Notice(f"Your picture came back with an error of {error:.3f}",
                  "root mean square, where a pixel goes from −1 to 1; the frames lead up to its "
                  "noise and down again", "" if error < 0.05 else
                  "more evaluations, its class, or less noise bring it nearer")


def command(settings: DrawSettings, run: Run, rows: Sequence[str], mask: Path | None) -> str:
    """Return the command line that draws the same and shows the same rows."""
    return commands.as_command(
        settings.request(run), image=str(settings.picture or "IMAGE.png"),
        mask=str(mask or "MASK.png"), rows=rows)
