"""The previews of a training: the same noise every time, drawn with the averaged weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from hybridstudio import runs
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine.draw import preview
from hybridstudio.engine.learner import Learner
from hybridstudio.engine.pace import Pace
from hybridstudio.engine.picturing import as_images
from hybridstudio.errors import StudioError, translate
from hybridstudio.messages import Notice, Preview
from hybridstudio.pictures import sheet, write_png


def previewed(learner: Learner, folder: Path, pace: Pace, look: Callable[[Tensor], None],
              ) -> Iterator[Preview | Notice | None]:
    """Draw and keep a preview; None stands between its moments, where training can be stopped.

    `look` is shown the finished pictures (N, C, H, W).
    """
    if not learner.config.model.samplers:
        return
    step, moments = learner.step, preview(learner)
    last: Moment | None = None
    while True:
        try:
            with pace.working():
                moment = next(moments, None)
        except (RuntimeError, MemoryError) as error:
            told = translate(error)
            yield Notice("A preview could not be drawn", told.what, told.fix, "warning", step)
            return
        if moment is None:
            break
        last = moment
        yield None
    assert last is not None
    look(last.x_t)
    images = as_images(last.x_t)
    file = runs.preview_path(folder, step)
    # Where the picture cannot be written, the next save cannot either, and says so.
    with contextlib.suppress(OSError, StudioError):
        file.parent.mkdir(exist_ok=True)
        write_png(file, sheet(images), {"run": folder.name, "step": step}, overwrite=True)
    yield Preview(step, images)
