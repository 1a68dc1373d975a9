"""How a drawing is asked for, as a request and as a picture's file tells it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hybridstudio.config import SAMPLERS
from hybridstudio.messages import Draw, Images, Weights
from hybridstudio.runs import Run

MOST = 64  # pictures that are drawn at once in the window


@dataclass(frozen=True)
class DrawSettings:
    """What the form holds; `image` (H, W, C) is noised to `from_step` and denoised from there.

    `picture` is the file that `image` was read from.
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

    @classmethod
    def of(cls, run: Run) -> DrawSettings:
        """Return a run's own defaults."""
        sample = run.config.sample
        return cls(sample.sampler, sample.nfe, sample.eta, sample.seed, None, sample.guidance,
                   min(sample.count, MOST))

    def request(self, run: Path) -> Draw:
        """Return the request that draws a run like this."""
        return Draw(run, self.count, self.sampler, self.nfe, self.eta, self.guidance, self.seed,
                    self.label, self.weights, self.step, self.image,
                    self.from_step if self.image is not None else None, frames=True)

    def told(self) -> dict[str, Any]:
        """Return the settings that a picture's file carries."""
        return {name: getattr(self, name)
                for name in ("sampler", "nfe", "eta", "seed", "label", "guidance", "count",
                             "weights", "step")
                } | ({"from_step": self.from_step} if self.image is not None else {})

    def restored(self, told: dict[str, Any], run: Run) -> DrawSettings:
        """Return these settings with those of a picture's file, where they can be meant."""
        def within(name: str, low: float, high: float) -> Any:
            value = told.get(name, getattr(self, name))
            return None if value is None else max(low, min(high, value))

        label = told.get("label")
        sampler, weights = told.get("sampler"), told.get("weights")
        return replace(
            self, sampler=sampler if sampler in SAMPLERS else self.sampler,
            nfe=within("nfe", 1, run.config.model.timesteps), eta=within("eta", 0.0, 1.0),
            seed=within("seed", 0, 2**31 - 1), count=within("count", 1, MOST),
            guidance=within("guidance", 0.0, 20.0),
            label=label if label is not None and 0 <= label < len(classes(run)) else None,
            weights=weights if weights == "ema" or (weights == "raw" and not run.shipped)
            else self.weights,
            step=told["step"] if told.get("step") in run.checkpoints else None)

    def alike(self, other: DrawSettings) -> bool:
        """Compare; pictures are the same only if they are the same array."""
        return self.image is other.image and \
            replace(self, image=None) == replace(other, image=None)


def classes(run: Run) -> tuple[str, ...]:
    """Return the names of the classes that can be asked for; () where the run learned none."""
    return run.config.data.classes if run.config.model.labels else ()
