"""How a drawing is asked for, as a request and as a picture's file tells it. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hybridstudio.config import Knob, RunConfig
from hybridstudio.messages import Draw, Images, Mask, Weights
from hybridstudio.runs import Run

MOST = 64  # pictures that are drawn at once in the window
MOST_POINTS, USUAL_POINTS = 20_000, 2_000


@dataclass(frozen=True)
class DrawSettings:
    """What the form holds; `image` (H, W, C) is noised to `from_step` and denoised from there.

    `picture` is the file that `image` was read from; where `mask` (H, W) is true it stays. `invert`
    brings it to its noise by inverting DDIM. `knobs` are a family's further settings.
    """

    sampler: str = "ddim"
    nfe: int = 50
    eta: float = 0.0
    seed: int = 0
    label: int | None = None
    guidance: float = 1.0
    count: int = 16
    weights: Weights = "ema"
    step: int | None = None
    image: Images | None = None
    from_step: int | None = None
    picture: Path | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    mask: Mask | None = None
    invert: bool = False

    @classmethod
    def of(cls, run: Run) -> DrawSettings:
        """Return a run's own defaults."""
        config, sample = run.config, run.config.sample
        count = USUAL_POINTS if is_points(config) else min(sample.count, MOST)
        return cls(config.sampler, config.nfe, sample.eta, sample.seed, None, sample.guidance,
                   count, knobs={knob.name: knob.default for knob in config.model.knobs()})

    def request(self, run: Run) -> Draw:
        """Return the request that draws a run like this; what means nothing to it is not said."""
        asked = offers(run)

        def said(name: str) -> Any:
            return getattr(self, name) if name in asked else None

        has_image = self.image is not None and "image" in asked
        return Draw(run.path, self.count, said("sampler"), said("nfe"), said("eta"),
                    said("guidance"), self.seed, said("label"), said("weights") or "ema",
                    self.step, said("image"), self.from_step if has_image else None,
                    frames=True, knobs=self.meant(run), mask=said("mask") if has_image else None,
                    invert=bool(said("invert")) and has_image)

    def meant(self, run: Run) -> dict[str, float]:
        """Return the knobs that mean something now, such as those of completing a picture."""
        asked = offers(run)
        idle = {knob.name for knob in run.config.model.knobs()
                if knob.needs and (knob.needs not in asked or getattr(self, knob.needs) is None)}
        return {name: value for name, value in self.knobs.items() if name not in idle}

    def settled(self, run: Run) -> DrawSettings:
        """Return these settings with the checkpoint that the newest is now.

        A run that trains is drawn from as it stands, which no checkpoint holds.
        """
        is_open = self.step is None and run.state != "training" and run.checkpoints
        return replace(self, step=max(run.checkpoints)) if is_open else self

    def told(self, run: Run) -> dict[str, Any]:
        """Return the settings that a picture's file carries."""
        asked = offers(run) | {"sampler", "nfe", "seed", "count", "weights", "step"}
        of_image = {"from_step", "invert"}
        names = asked - {"image", "mask"} - (of_image if self.image is None else set())
        told = {name: getattr(self, name) for name in sorted(names)}
        return told | ({"knobs": knobs} if (knobs := self.meant(run)) else {})

    def restored(self, told: Mapping[str, Any], run: Run) -> DrawSettings:
        """Return these settings with those of a picture's file, where they can be meant."""
        def within(name: str, low: float, high: float) -> Any:
            return max(low, min(high, told.get(name, getattr(self, name))))

        model = run.config.model
        label, sampler, weights = told.get("label"), told.get("sampler"), told.get("weights")
        knobs = {**self.knobs, **told.get("knobs", {})}
        return replace(
            self, sampler=sampler if sampler in model.samplers else self.sampler,
            nfe=within("nfe", model.evaluations.low, model.evaluations.high),
            eta=within("eta", 0.0, 1.0), seed=within("seed", 0, 2**31 - 1),
            count=within("count", 1, most(run.config)), guidance=within("guidance", 0.0, 20.0),
            label=label if label is not None and 0 <= label < len(classes(run)) else None,
            weights=weights if weights == "ema" or (weights == "raw" and not run.shipped)
            else self.weights,
            step=told["step"] if told.get("step") in run.checkpoints else None,
            knobs={knob.name: fitted(knob, knobs.get(knob.name, knob.default))
                   for knob in model.knobs()})

    def alike(self, other: DrawSettings) -> bool:
        """Compare; pictures and masks are the same only if they are the same array."""
        return self.image is other.image and self.mask is other.mask and \
            replace(self, image=None, mask=None) == replace(other, image=None, mask=None)


def offers(run: Run) -> frozenset[str]:
    """Return which of the settings that not every model has mean something to a run's model."""
    model = run.config.model
    has_levels = model.levels > 0 and not is_points(run.config)
    asked = {
        "sampler": len(model.samplers) > 1,
        "nfe": model.evaluations.low < model.evaluations.high,
        "eta": "ddim" in model.samplers,
        "label": bool(classes(run)),
        "guidance": model.guided and bool(classes(run)),
        "weights": not run.shipped,  # those have the average alone
        "image": has_levels,
        "from_step": has_levels,
        "mask": has_levels and model.inpaints,
        "invert": has_levels and model.inverts,
    }
    return frozenset(name for name, means_something in asked.items() if means_something)


def classes(run: Run) -> tuple[str, ...]:
    """Return the names of the classes that can be asked for; () where the run learned none."""
    return run.config.data.classes if run.config.model.learns_labels else ()


def is_points(config: RunConfig) -> bool:
    """Tell whether a run learns points of the plane rather than pictures."""
    return config.data.shape is not None and config.data.shape.is_points


def most(config: RunConfig) -> int:
    """Return how many pictures or points are drawn at once at most."""
    return MOST_POINTS if is_points(config) else MOST


def fitted(knob: Knob, value: float) -> float:
    """Bring a value within a knob's range, and to a whole number where it takes only those."""
    value = max(knob.low, min(knob.high, value))
    return round(value) if knob.whole else value
