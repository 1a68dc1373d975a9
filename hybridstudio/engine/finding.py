"""Finding the codes of pictures: by an encoder, by inverting DDIM, or by search."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridstudio import runs
from hybridstudio.engine import lanes, runtime
from hybridstudio.engine.latent import (
    Way,
    computed,
    decoded,
    entered,
    pictures_of,
    plan_of,
    random_codes,
    space_of,
    still,
    told_classes,
    way_of,
)
from hybridstudio.engine.learner import parameters
from hybridstudio.engine.picturing import as_images
from hybridstudio.engine.startpicture import fitted
from hybridstudio.errors import UsageError
from hybridstudio.messages import Decoded, Done, Encode, Encoded, Event, Progress, Started
from hybridstudio.scores.features import DIGITS, FEATURES, Features

SEARCHED = {True: 300, False: 120}  # steps of search, by whether one evaluation draws a picture
CANDIDATES = {True: 512, False: 32}  # random codes among which a search begins
RESTARTS = 4  # codes of a picture that are followed at first
ALONE_AFTER = 1 / 3  # share of the steps after which the best of them goes on alone
AT_ONCE = 8  # pictures that are searched for together
RATE = 0.05  # of Adam, in standard deviations of a code
FEATURES_WEIGH = 0.1  # beside the pixels
PRIOR_WEIGHS = 0.01  # how much a code's length is held to that of codes of seeds
EVERY = 0.5  # seconds between drafts

Telling = Generator[Progress | Decoded, None, "Found"]


class Found(NamedTuple):
    """Codes (N, D) and the labels int64 (N,) that they belong to, or None."""

    codes: Tensor
    labels: Tensor | None


def encode(request: Encode) -> Iterator[Event]:
    """Find the codes of pictures, telling how far it is, and how near what they draw comes."""
    run = runs.read(request.run)
    config = run.config
    space = space_of(config, request.space)
    if not space.finds:
        raise UsageError("The code of a point of the plane is not looked for",
                         f"{run.name} draws points, and pictures were given",
                         "choose a run that draws pictures")
    if not len(request.images):
        raise UsageError("There is no picture to encode", fix="give at least one")
    asked = () if request.label is None else (request.label,) * len(request.images)
    _, problems = told_classes(config, {}, asked, len(request.images))
    is_inverted = space.finds == "inversion"
    plan = plan_of(config, "ddim" if is_inverted else None,
                   request.steps if is_inverted else None, request.knobs, problems)
    on = runtime.device(request.device)
    targets = torch.cat([fitted(image, config) for image in request.images]).to(on)
    family = yield from still(run, request, on)
    yield Started(f"Encoding with {run.name}", run.path,
                  runtime.describe(on, runtime.precision(config.train, on)), parameters(family))
    began = time.perf_counter()
    way = way_of(run.config, family, plan, space, on)
    labels = torch.tensor(asked, device=on) if asked else None
    if labels is None and config.model.learns_labels:
        with lanes.interactive():
            likeliest = computed(way, lambda: family.likeliest(targets))
        labels = None if likeliest is None else likeliest.clone()  # of use to gradients too
    if space.finds == "search":
        look = _lens(config.data.name, on)
        found = yield from _searched(way, targets, labels, request, look)
    else:
        found = yield from _found(way, targets, labels)
    with lanes.interactive():
        x, _ = yield from pictures_of(way, found.codes, found.labels)
    errors = _errors(x, targets)
    images = as_images(x)
    yield Encoded(found.codes.cpu().numpy(), images, tuple(errors.tolist()),
                  () if found.labels is None else tuple(found.labels.tolist()))
    yield Done("finished", {
        "run": str(run.path), "space": space.name, "count": len(targets), "found_by": space.finds,
        "errors": errors.tolist(), "seconds": time.perf_counter() - began,
        "sampler": plan.sampler, "nfe": plan.nfe}, images)


def _errors(x: Tensor, targets: Tensor) -> Tensor:
    """Return the root mean square error (N,) of each picture, in units of [-1, 1]."""
    return (x.clamp(-1.0, 1.0) - targets).square().flatten(1).mean(1).sqrt()


def _found(way: Way, targets: Tensor, labels: Tensor | None) -> Telling:
    """Ask the family, which knows a way back."""
    plan, found = replace(way.plan, count=len(targets), labels=labels), targets.flatten(1)
    total = way.plan.nfe + 1 if way.space.finds == "inversion" else 1
    with lanes.interactive():
        steps = entered(way, way.family.find_codes(targets, plan, way.space.name))
        for step, codes in enumerate(steps, 1):
            yield Progress(step, total, "steps")
            found = codes
    return Found(found.float().clone(), labels)


# --- search ---------------------------------------------------------------------------------------


def _searched(way: Way, targets: Tensor, labels: Tensor | None, request: Encode,
              look: Features | None) -> Telling:
    """Search for codes that draw the pictures, a few pictures at a time."""
    is_quick = way.plan.nfe == 1
    steps = request.steps or SEARCHED[is_quick]
    noise = torch.Generator().manual_seed(request.seed)
    total = steps * -(-len(targets) // AT_ONCE)
    parts: list[Found] = []
    for first in range(0, len(targets), AT_ONCE):
        part = targets[first:first + AT_ONCE]
        told = None if labels is None else labels[first:first + AT_ONCE]
        with lanes.interactive():
            begun = yield from _begun(way, part, told, CANDIDATES[is_quick], noise)
        parts.append((yield from _improved(
            way, part, begun, steps, look, len(parts) * steps, total)))
    told_labels = [part.labels for part in parts if part.labels is not None]
    return Found(torch.cat([part.codes for part in parts]),
                 torch.cat(told_labels) if told_labels else None)


def _begun(way: Way, targets: Tensor, labels: Tensor | None, count: int,
           noise: torch.Generator) -> Telling:
    """Return the codes (N · R, D) of which each picture's search begins, R a picture in a row.

    They are those of many random ones that draw what is nearest to it, in classes of their own
    where none is given; the first is what the family guesses, if it can.
    """
    classes: Tensor | None = None
    if way.classes:
        classes = torch.arange(count, device=way.on) % way.classes
    codes = random_codes(way, count, classes, noise)
    drawn, _ = yield from pictures_of(way, codes, classes)
    apart = torch.cdist(targets.flatten(1).float(), drawn.flatten(1).float())  # (N, count)
    if labels is not None and classes is not None:
        apart = apart + (classes != labels[:, None]) * 1e6
    places = apart.topk(RESTARTS, largest=False).indices  # (N, R)
    begun = codes[places].clone()
    plan = replace(way.plan, count=len(targets), labels=labels)
    guessed = None
    if labels is not None or classes is None:
        guessed = computed(
            way, lambda: way.family.guess_codes(targets, plan, way.space.name))
    if guessed is not None:
        begun[:, 0] = guessed.to(begun)
    told = None if classes is None else classes[places].flatten()
    return Found(begun.flatten(0, 1), told)


def _improved(way: Way, targets: Tensor, begun: Found, steps: int, look: Features | None,
              before: int, total: int) -> Telling:
    """Follow codes downhill with Adam, the best of each picture's alone after a while."""
    count, is_alone = len(targets), False
    codes, labels = begun
    apart = _likeness(targets.repeat_interleave(RESTARTS, 0), look)
    rate = RATE * (1.0 if way.space.is_normal else float(codes.std().clamp(min=1e-3)))
    adam = _adam(codes, rate)
    best = torch.full((len(codes),), math.inf, device=way.on)
    kept, last = codes.detach().clone(), time.perf_counter()
    for step in range(steps):
        with lanes.interactive():
            if not is_alone and step >= steps * ALONE_AFTER:
                is_alone = True
                places = best.reshape(count, -1).argmin(1) + RESTARTS * torch.arange(
                    count, device=way.on)
                codes, best, kept = kept[places].clone(), best[places], kept[places].clone()
                labels = None if labels is None else labels[places]
                adam, apart = _adam(codes, rate), _likeness(targets, look)
            adam.param_groups[0]["lr"] = rate * (0.55 + 0.45 * math.cos(math.pi * step / steps))
            with torch.enable_grad():
                x = _drawn(way, codes, labels)
                losses = apart(x)
                pulled = losses
                if way.space.is_normal:
                    pulled = losses + PRIOR_WEIGHS * (codes.square().mean(1) - 1.0).square()
                gradient, = torch.autograd.grad(pulled.sum(), codes)
            losses, x = losses.detach(), x.detach()
            is_better = losses < best
            best = torch.where(is_better, losses, best)
            kept[is_better] = codes.detach()[is_better]
            codes.grad = gradient
            adam.step()
        nearest = x.reshape(count, -1, *x.shape[1:])[
            torch.arange(count), losses.reshape(count, -1).argmin(1)]
        error = float(_errors(nearest, targets).mean())
        yield Progress(before + step + 1, total, "steps", {"error": error})
        if time.perf_counter() - last > EVERY:
            last = time.perf_counter()
            yield decoded(nearest, True, 0.0, way.plan.nfe)
    if not is_alone:
        places = best.reshape(count, -1).argmin(1) + RESTARTS * torch.arange(count, device=way.on)
        kept, labels = kept[places], None if labels is None else labels[places]
    return Found(kept, labels)


def _adam(codes: Tensor, rate: float) -> torch.optim.Adam:
    return torch.optim.Adam([codes.requires_grad_(True)], lr=rate, betas=(0.9, 0.99))


def _drawn(way: Way, codes: Tensor, labels: Tensor | None) -> Tensor:
    """Draw codes (N, D) as a function that gradients run through, in float32."""
    plan = replace(way.plan, count=len(codes), labels=labels)
    *_, last = way.family.draw_codes(codes, plan, way.space.name)
    return last.x_t


def _lens(data: str, on: torch.device) -> Features | None:
    return FEATURES["digits-net"](on) if data in DIGITS else None


def _likeness(targets: Tensor, look: Features | None) -> Callable[[Tensor], Tensor]:
    """Return how far pictures (N, C, H, W) are from targets: (N,) mean squares.

    Their pixels, their pixels in squares of 2 and of 4, so that what is shifted a little pulls, and
    features where there is a network for such pictures.
    """
    def told(images: Tensor) -> tuple[Tensor, Tensor | None]:
        levels = [images, *(size**0.5 * F.avg_pool2d(images, size, ceil_mode=True)
                            for size in (2, 4))]
        pixels = torch.cat([level.flatten(1) / level[0].numel()**0.5 for level in levels], dim=1)
        if look is None:
            return pixels, None
        features, _ = look.embed(images)
        return pixels, features

    with torch.no_grad():
        pixels, features = told(targets)
        scale = None if features is None else features.square().sum(1).clamp(min=1e-6)

    def apart(images: Tensor) -> Tensor:
        seen, felt = told(images)
        loss = (seen - pixels).square().sum(1)
        if felt is not None and features is not None and scale is not None:
            loss = loss + FEATURES_WEIGH * (felt - features).square().sum(1) / scale
        return loss

    return apart
