"""Which curves belong into one plot, what each is called there, and which axis suits them. No Qt.

A name tells what a curve is: loss/generator, p/real, grad_norm/unet, accuracy; test/ before it
says that it was measured on held-out data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hybridstudio.runs import Series
from hybridstudio.telling import number

BAND = "loss/band-"
HELD_OUT = "test/"
SCORE = "score/"


@dataclass(frozen=True)
class Group:
    """Curves that share an axis; `log` says that a logarithmic one suits what is above 0."""

    title: str
    names: tuple[str, ...] = ()
    says: str = ""
    log: bool = True
    is_share: bool = False

    @property
    def spell(self) -> Callable[[float], str]:
        """What writes their values: shares of 1 are told in percent."""
        return percent if self.is_share else number


# In the order in which they are offered; the first that knows a curve's name takes it.
_KNOWN: tuple[tuple[Group, Callable[[str], bool]], ...] = (
    (Group("Losses", says="What the networks learn to make smaller."),
     lambda name: name in ("reconstruction", "kl") or (
         name.partition("/")[0] == "loss" and not name.startswith(BAND))),
    (Group("Fréchet distance", says=(
        "How far the drawn pictures are from the data, in the features that score them; smaller is "
        "better. Real pictures get what they get because there are so few of them. Compare it "
        "along this curve only: a score of another number of pictures is another number.")),
     lambda name: name.partition("/frechet")[0] == "score"),
    (Group("Coverage and precision", says=(
        "Precision: the share of drawn pictures that lie among the data. Recall and coverage: the "
        "share of the data that lie among what is drawn; they fall when modes are lost."),
        log=False, is_share=True),
     lambda name: name in ("score/precision", "score/recall", "score/coverage", "score/near")),
    (Group("Modes found", says="How many modes of the data were drawn at least once.", log=False),
     lambda name: name == "score/modes"),
    (Group("Entropy of the classes", says=(
        "How evenly the classes are drawn, in nats; it falls when some are drawn no more."),
        log=False), lambda name: name == "score/class_entropy"),
    (Group("Density", says=(
        "In how many neighbourhoods of real pictures a drawn one lies, as a share of what real "
        "ones do; it may be above 1."), log=False), lambda name: name == "score/density"),
    (Group("Players' probabilities", says=(
        "How sure the discriminator is that a picture is real, on the mean: of real ones and of "
        "generated ones. At 50 % for both it cannot tell them apart any more."),
        log=False, is_share=True), lambda name: name.startswith("p/")),
    (Group("Critic's values", says=(
        "What the critic gives to real and to generated pictures on the mean; their difference "
        "estimates the Wasserstein distance."), log=False),
        lambda name: name.startswith("critic/")),
    (Group("Accuracy", says="The share of pictures whose class was told rightly.",
           log=False, is_share=True), lambda name: name.partition("/")[0] == "accuracy"),
    (Group("By noise level", says=(
        "The loss at each level of noise, from band 1 (nearly clean: fine detail) to the last band "
        "(nearly pure noise: the overall shape). The plain loss is their mean and says little: it "
        "hardly falls while the pictures still improve, since most of it comes from one band.")),
        lambda name: name.startswith(BAND)),
    (Group("KL of each latent", says=(
        "How much each number of the latent vector tells of the picture, in nats; those near 0 "
        "are not used.")), lambda name: name.startswith("kl/")),
    (Group("Gradient norms", says="How large the gradient of each network is, before clipping."),
     lambda name: name.startswith("grad_norm/")),
)
_OTHERS = {
    "images_per_second": Group("Pictures/s", log=False),
    "memory": Group("Memory (bytes)", log=False),
    "lr": Group("Learning rate"),
    "vlb": Group("L_vlb (bits/dim)"),
    "r1": Group("R1 penalty", says="The squared gradient of the discriminator at real pictures."),
    "moments": Group("Gap to the teacher", says=(
        "How far the mean picture behind a noisy one is for what is drawn from what the teacher "
        "expects, squared; at 0 both draw alike. It begins small, while the auxiliary denoiser "
        "is still the teacher's copy.")),
    "active": Group("Active latents", log=False, says=(
        "How many numbers of the latent vector tell anything of the picture.")),
    "ada_p": Group("Augmentation", says="How likely each picture that the discriminator sees is "
                   "augmented; the controller raises it while the discriminator overfits.",
                   log=False, is_share=True),
}
NEWEST = ("Losses", "Players' probabilities", "Critic's values", "Accuracy", "Fréchet distance",
          "Coverage and precision", "Modes found")
_LAST = ("images_per_second", "memory")
_LABELS = {"kl": "KL", "fake": "generated", "frechet": "drawn", "floor": "real pictures",
           "ceiling": "noise", "near": "near a mode"}


def grouped(names: Iterable[str]) -> dict[str, Group]:
    """Sort the names of curves into groups by title, the ones that tell most first."""
    found: dict[Group, list[str]] = {group: [] for group, _ in _KNOWN}
    for name in sorted(names, key=lambda name: name in _LAST):
        base = name.removeprefix(HELD_OUT)
        group = next((group for group, knows in _KNOWN if knows(base)), None)
        found.setdefault(group or _other(base), []).append(name)
    return {group.title: Group(group.title, tuple(_ordered(members)), group.says, group.log,
                               group.is_share)
            for group, members in found.items() if members}


def label_of(name: str, among: Iterable[str]) -> str:
    """Return what a curve is called in the legend of its group: short, and told apart."""
    among = list(among)
    base = name.removeprefix(HELD_OUT)
    if base.startswith(BAND):
        ends = {among[0]: " clean", among[-1]: " noisy"} if len(among) > 1 else {}
        return base.removeprefix(BAND) + ends.get(name, "")
    is_held_out = base != name
    if len(among) > 1 and {one.removeprefix(HELD_OUT) for one in among} == {base}:
        return "test" if is_held_out else "training"
    last = base.rpartition("/")[2]
    words = _LABELS.get(last, last.replace("_", " ").replace("-", " "))
    return f"test {words}" if is_held_out else words


def newest(curves: Mapping[str, Series]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Tell the newest values of the groups that say how learning goes: title, then label, value."""
    groups = grouped(name for name, series in curves.items() if series.values.size)
    return [(title, [(label_of(name, group.names), group.spell(float(curves[name].values[-1])))
                     for name in group.names])
            for title, group in groups.items() if title in NEWEST]


def percent(share: float) -> str:
    """Tell a share of 1 in percent, in three figures."""
    return f"{number(100 * share)} %"


def _ordered(names: list[str]) -> list[str]:
    """Put bands in their order, and what is real before what is generated."""
    if names[0].startswith(BAND):
        return sorted(names)
    return sorted(names, key=lambda name: name.endswith("/fake"))


def _other(base: str) -> Group:
    head = base.partition("/")[0]
    return _OTHERS.get(head) or Group(head[:1].upper() + head[1:].replace("_", " "))
