"""What a training's live scores cost, and so how many pictures they look at."""

from __future__ import annotations

from dataclasses import dataclass

from hybridstudio.config.run import RunConfig

SHARE = 0.03  # of the training's network evaluations that scoring may cost
PASSES = 3  # forward passes that a training step costs for each picture, its backward pass included
COUNTS = (200, 300, 500, 1000, 2000)  # few different ones, so that kept statistics are met again
MOST_POINTS = 1000  # their networks are so small that measuring costs more than drawing
QUICK = 20  # evaluations up to which a picture is drawn
QUICKEST = ("dpm++2m", "ddim")  # samplers that make do with so few, the better first


@dataclass(frozen=True)
class Terms:
    """A scoring `every` so many steps of `count` pictures, drawn by `sampler` in `nfe` evaluations.

    `every` is 0 where there is none.
    """

    every: int
    count: int
    sampler: str
    nfe: int


def terms(config: RunConfig) -> Terms:
    """Return how a training is scored: what `train.score_every` and `score_count` leave open.

    It follows from the config alone, never from a clock, so that a resumed run scores alike. A run
    that draws with more evaluations is scored with 20 where it knows a sampler that makes do with
    them. As many pictures are drawn as cost 3 % of the training; where that is less than 200, 200
    are, and less often.
    """
    train = config.train
    sampler, nfe = config.sampler, config.nfe
    if not sampler or not train.score_every:
        return Terms(0, 0, sampler, nfe)
    quick = next((name for name in QUICKEST if name in config.model.samplers), None)
    if nfe > QUICK and quick is not None:
        sampler, nfe = quick, QUICK
    if train.score_count:
        return Terms(train.score_every, train.score_count, sampler, nfe)
    granted = SHARE * PASSES * train.batch_size * train.score_every
    most = MOST_POINTS if config.data.channels == 2 else COUNTS[-1]
    fitting = [count for count in COUNTS if count * nfe <= granted and count <= most]
    if fitting:
        return Terms(train.score_every, fitting[-1], sampler, nfe)
    stretch = -(-COUNTS[0] * nfe // int(max(1, granted)))
    return Terms(train.score_every * stretch, COUNTS[0], sampler, nfe)
