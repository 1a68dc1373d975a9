"""Perceptual path length (Karras 2019): how fast pictures change on the way between two codes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from hybridstudio import latents, runs
from hybridstudio.data.dataset import Meter
from hybridstudio.engine import lanes
from hybridstudio.engine.latent import Way, pictures_of, plan_of, random_codes, still, way_of
from hybridstudio.messages import Notice, Progress, Score
from hybridstudio.scores import measure
from hybridstudio.scores.features import Features

EPSILON = 1e-4  # how far apart two places on a way are looked at, as in the paper
PART = 64  # ways looked at together


def path_length(request: Score, run: runs.Run | None, lens: Features, on: torch.device,
                ) -> Generator[Progress | Notice, None, dict[str, Any]]:
    """Return the mean path length of a run's usual space in a feature network, {} without one.

    Distances are squares in these features, so that lengths compare only in the same network.
    """
    spaces = run.config.model.spaces(run.config.shape) if run is not None else ()
    if run is None or not spaces:
        yield Notice("There is no path length to tell", run.config.model.no_space if run else (
            "pictures in files come from no latent space"), level="warning")
        return {}
    if lens.name == "inception":
        yield Notice("There is no path length in Inception features",
                     "they see whole shades of grey, and the steps of a path are smaller",
                     "use --features digits-net, or run:PATH of a classifier", "warning")
        return {}
    plan = plan_of(run.config, _steady(request, run), request.nfe, request.knobs, [])
    family = yield from still(run, request, on)
    # Differences of 1e-4 drown in bfloat16.
    way = replace(way_of(run.config, family, plan, spaces[0], on), dtype=torch.float32)
    noise = torch.Generator().manual_seed(request.seed)
    places = np.random.RandomState(request.seed).uniform(0.0, 1.0 - EPSILON, request.count)
    meter, lengths = Meter(request.count, "ways"), []
    for first in range(0, request.count, PART):
        at = places[first:first + PART]
        labels = None
        if way.classes:
            labels = torch.randint(way.classes, (len(at),), generator=noise).to(on)
        with lanes.interactive():
            first_end, last_end = (random_codes(way, len(at), labels, noise).cpu().numpy()
                                   for _ in range(2))
            seen = []
            for t in (at, at + EPSILON):
                codes = torch.from_numpy(latents.between(way.space, first_end, last_end, t)).to(on)
                drawn = yield from _drawn(way, codes, labels, meter, first)
                with torch.inference_mode():
                    seen.append(lens.embed(drawn)[0].double())
        # Karras 2019, equation 2: E[d(G(slerp(z1, z2; t)), G(slerp(z1, z2; t + ε))) / ε²].
        lengths.append((seen[1] - seen[0]).square().sum(1).cpu().numpy() / EPSILON**2)
        yield from meter.at(min(request.count, first + PART), always=True)
    found = measure.mean(np.concatenate(lengths))
    return {"ppl": {**found._asdict(), "floor": None, "ceiling": None, "space": way.space.name,
                    "epsilon": EPSILON, "count": request.count}}


def _drawn(way: Way, codes: torch.Tensor, labels: torch.Tensor | None, meter: Meter, done: int,
           ) -> Generator[Progress, None, torch.Tensor]:
    """Draw codes, telling the ways that are done instead of the steps."""
    drawing = pictures_of(way, codes, labels)
    while True:
        try:
            next(drawing)
        except StopIteration as end:
            pictures: torch.Tensor = end.value[0]
            return pictures
        yield from meter.at(done)


def _steady(request: Score, run: runs.Run) -> str | None:
    """Return the sampler that is asked for, unless it adds noise of its own."""
    return request.sampler if request.sampler in run.config.model.steady else None
