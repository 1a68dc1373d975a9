"""What big steps show, in words. No Qt."""

from __future__ import annotations

from hybridstudio import onestep, telling
from hybridstudio.messages import Chanced
from hybridstudio.onestep import Reverse
from hybridstudio.runs import Run

FITS = 0.01  # nats: what a Gaussian may miss and still do
CHOOSES = "ddgan-gaussians25"  # a ready model whose z does
PRESET = "ddgan-mnist-leaps"  # and one for pictures
SAME, ALIKE = 0.001, 0.03  # of [-1, 1]: pictures that differ by less are told to be so


def line(found: Reverse, steps: int, t: int) -> str:
    """Tell what one step back on the line shows, as rich text."""
    now, then = (f"<i>x</i><sub>{level}</sub>" for level in (t, t - 1))
    miss = f"{telling.number(found.best)} nats"
    if found.best < FITS:
        return (f"<b>A Gaussian will do.</b> What {now} came from is a bell: the best Gaussian "
                f"misses {miss} of it. This is why DDPM takes so many steps.")
    count = onestep.peaks(found.true)
    shape = "has one lopsided peak" if count == 1 else f"has {count} peaks"
    ddpm = ("DDPM's last step draws the mean itself." if t == 1 else
            f"DDPM's, whose width is fixed, misses {telling.number(found.fixed)}.")
    choice = "It smears the peak out; a GAN need not."
    if count > 1:
        choice = (f"Its mean is a {then} that little of {now} came from: <b>a mean cannot choose, "
                  "a GAN can.</b>")
    step = "The only step" if steps == 1 else f"This one of {telling.number(steps)} steps"
    return (f"<b>A Gaussian will not do.</b> {step} is too large: <i>q</i>({then} | {now}) "
            f"{shape}. The best Gaussian misses {miss}. {ddpm} {choice}")


def chances(told: Chanced, run: Run, beside: str) -> str:
    """Tell what many z make of one x_t, as rich text; `beside` names the diffusion asked as well.
    """
    count = len(told.points.get("x0", told.x0))
    what = "points" if told.points else "pictures"
    if told.spread < SAME:
        why = "at this level it has no z to choose with"
        if beside == run.name:
            why = "what removes the noise predicts the mean of all that this may have been"
        return (f"<b>{count} times the same.</b> In this <i>x</i><sub>t</sub> {run.name} sees one "
                f"<i>x</i><sub>0</sub>: {why}. The noisier it is, the more that mean blends.")
    stray = f"they stray by {told.spread:.2g} of [\u22121, 1]"
    if told.spread < ALIKE and (taught := _taught(run)):
        return (f"<b>Nearly {count} times the same.</b> {run.name} {taught}: {stray}. In "
                f"{CHOOSES}, which learned without a teacher, z chooses; in pictures it does in "
                f"{PRESET}, a preset that trains in less than an hour.")
    if told.spread < ALIKE:
        return (f"<b>Nearly {count} times the same.</b> This <i>x</i><sub>t</sub> leaves z little "
                f"to choose: {stray}. With more noise left, or with fewer steps, there is more.")
    return (f"<b>{count} different {what} from one <i>x</i><sub>t</sub>.</b> Each z chooses "
            f"another <i>x</i><sub>0</sub>; {stray}. Their mean is what a model of means would "
            "have to say, and belongs to none of them: a mean cannot choose, a GAN can.")


def _taught(run: Run) -> str:
    """Tell what the diffusion that a run borrows taught it, and why z has little say; "" if not."""
    model = run.config.model
    if not model.borrows() or not getattr(model, "distil", 0.0):
        return ""
    if (by := getattr(model, "distil_by", "")) == "posterior":
        return ""  # it learned to let z choose
    if by == "moments":
        return ("learned to draw, over all noises, what its diffusion draws: its choices are made "
                "by the noise of <i>x</i><sub>T</sub> and between the steps, z has little to add")
    return ("learned to draw the one <i>x</i><sub>0</sub> that its diffusion comes to, which "
            "leaves z little")


def why_none(run: Run | None) -> str:
    """Tell why there is no x_t to fix, or "" where there is one."""
    if run is None:
        return "Choose a model in the library to see what it sees in one noisy picture."
    model = run.config.model
    if not model.samplers:
        return f"{run.name} draws nothing: a {model.title.lower()} tells what a picture shows."
    if not model.levels:
        return (f"{run.name} draws in one pass: there is no x_t on the way.\nChoose a model that "
                "removes noise step by step, as hybrid-mnist or a Denoising Diffusion GAN.")
    if not run.checkpoints and run.state != "training":
        return f"{run.name} has no checkpoint to draw from yet.\nLet it train until its first save."
    return ""
