"""What a training would cost, from a few of its steps on random pictures of the right shape."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from hybridstudio import data, paths
from hybridstudio.config import parse
from hybridstudio.engine import borrowing, lanes, runtime
from hybridstudio.engine.learner import Learner, parameters
from hybridstudio.families import Batch
from hybridstudio.messages import Done, Event, Probe, Probed, Progress, Started

STEPS = 3  # timed, after one that warms up
BUDGET = 5.0  # seconds after which what was timed has to do


def probe(request: Probe) -> Iterator[Event]:
    """Estimate time and memory of training a config."""
    yield Started("Estimating time and memory")
    config = request.config
    if config.data.size is None or config.data.channels is None or not config.data.classes:
        dataset = yield from data.load(config.data, paths.data_root(request.data_root))
        config = config.model_copy(update={"data": data.resolved(config.data, dataset)})
        config = parse(config.model_dump())
    on = runtime.device(request.device)
    learner = Learner(borrowing.filled(config), on)
    stream = learner.streams["noise"]
    shape = (config.train.batch_size, *config.shape)
    labels = None
    if config.model.learns_labels:
        labels = torch.randint(len(config.data.classes), shape[:1], generator=stream, device=on)
    batch = Batch(torch.rand(shape, generator=stream, device=on) * 2.0 - 1.0, labels)

    before = runtime.memory(on)
    seconds: list[float] = []
    while len(seconds) <= STEPS and sum(seconds) < BUDGET:
        began = time.perf_counter()
        with lanes.training_step() as waited:
            learner.learn(batch, 0.0)
            learner.meters.read()  # waits for the device
        seconds.append(time.perf_counter() - began - waited.seconds)
        yield Progress(len(seconds), STEPS + 1, "steps", seconds=sum(seconds))
    each = min(seconds[1:] or seconds)
    memory = max(runtime.memory(on), before)
    yield Probed(each, memory, each * config.train.steps, parameters(learner.family))
    yield Done("finished", {"seconds_per_step": each, "memory": memory})
