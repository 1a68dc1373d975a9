"""Branches: a drawing that goes another way from one of its frames on.

A family draws the first way as always. Where a branch leaves it, the family is asked to go on from
the moment there (`families.contract.Start`) with other settings. The frames of the newest drawings
are kept with the noise that was still to come, so that a further branch draws what is new alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from hybridstudio.config import ModelSection, RunConfig
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.errors import Problem, UsageError
from hybridstudio.families import DrawPlan, Family
from hybridstudio.families.contract import Start
from hybridstudio.messages import Branch, Draw, Notice

KEPT_BYTES = 128 << 20  # of frames kept to branch from; older drawings are drawn again
AT_ONCE = 16  # frames for which there is room in one block of memory
MOST_KEPT = 64  # pictures: of larger drawings nothing is kept

Rows = list[torch.Generator]
Drawing = Callable[[DrawPlan, Rows], Iterator[Moment]]  # a family's, with streams of noise


class Way(NamedTuple):
    """How frames are drawn from `frame` on, with `nfe` evaluations before them.

    The levels of the plan count from the frame `top`, which has `spent` evaluations before it.
    """

    plan: DrawPlan
    seed: int
    frame: int = 0
    nfe: int = 0
    top: int = 0
    spent: int = 0

    def counted(self, moment: Moment) -> Moment:
        """Count a moment of this way from the beginning of the drawing."""
        return replace(moment, step=self.frame + moment.step, steps=self.frame + moment.steps,
                       nfe=self.nfe + moment.nfe)

    def left_at(self, moment: Moment) -> int:
        """Return how many evaluations there are still to come where a counted moment begins."""
        return max(1, self.plan.nfe - (moment.nfe - 1 - self.spent))


class Kept(NamedTuple):
    """A frame, counted from the beginning, how it was drawn, and its noise still to come."""

    moment: Moment
    way: Way
    states: tuple[Tensor, ...]

    def size(self, before: Kept | None) -> int:
        """Return the bytes that it takes, behind the frame before, whose noise may be its own."""
        moment = self.moment
        states = () if before is not None and before.states is self.states else self.states
        tensors = (moment.x_t, moment.x0, moment.eps, *moment.extra.values(), *states)
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)

    def rows(self) -> Rows:
        """Return the streams of noise as they were here."""
        return [_restored(state) for state in self.states]


class Shelf:
    """Copies of a drawing's tensors in few large blocks.

    Kept one by one, where the drawing made them, they break up the memory that its next steps would
    use again: 64 pictures took 7 % longer to draw.
    """

    def __init__(self) -> None:
        self._block = torch.empty(0)
        self._used = 0

    def put(self, moment: Moment) -> Moment:
        """Return a moment whose pictures lie here."""
        x_t, x0, eps = moment.x_t, moment.x0, moment.eps
        wanted = sum(part.numel() for part in (x_t, x0, eps) if part is not None)
        if self._used + wanted > len(self._block):
            most = KEPT_BYTES // x_t.element_size()  # more than that would not be kept
            self._block = torch.empty(max(wanted, min(AT_ONCE * wanted, most)), dtype=x_t.dtype,
                                      device=x_t.device)
            self._used = 0
        return replace(moment, x_t=self._copied(x_t),
                       x0=None if x0 is None else self._copied(x0),
                       eps=None if eps is None else self._copied(eps))

    def _copied(self, part: Tensor) -> Tensor:
        if part.dtype != self._block.dtype or not _is_dense(part):
            return part
        # Laid out as it was: a network that goes on from it computes in the same order.
        copy = self._block.as_strided(part.shape, part.stride(), self._used)
        self._used += part.numel()
        return copy.copy_(part)


def _is_dense(tensor: Tensor) -> bool:
    reach = sum((size - 1) * stride for size, stride in zip(
        tensor.shape, tensor.stride(), strict=True))
    return tensor.numel() == reach + 1


@dataclass
class Trail:
    """The frames of a drawing, kept to branch from."""

    family: Family
    asked: Draw
    frames: list[Kept] = field(default_factory=list)

    def size(self) -> int:
        """Return the bytes that are kept."""
        return sum(kept.size(before) for before, kept in pairwise([None, *self.frames])
                   if kept is not None)


_trails: list[Trail] = []  # the newest last


# --- what is asked --------------------------------------------------------------------------------


def problems(request: Draw, model: ModelSection, classes: Sequence[str]) -> Iterator[Problem]:
    """Tell every reason why a drawing cannot be branched so."""
    if not request.branches:
        return
    if not model.levels:
        yield Problem("branches", f"a {model.family} draws in one pass: there is no step to branch "
                      "at", "choose a model that removes noise step by step")
        return
    if request.mask is not None or request.invert:
        yield Problem("branches", "a picture that is known in part, or was inverted, is drawn one "
                      "way", "leave the branches out, or the mask and the inversion")
    if any(one.at >= other.at for one, other in pairwise(request.branches)):
        yield Problem("branches", "follow one another, and these do not",
                      "give them in the order of their frames, each later than the one before")
    for branch in request.branches:
        name = f"branch at={branch.at}"
        if branch.at < 0:
            yield Problem(name, "there is no frame before frame 0")
        if branch.sampler is not None and branch.sampler not in model.samplers:
            yield Problem(name, f"a {model.family} does not draw with {branch.sampler}",
                          f"choose one of {', '.join(model.samplers)}")
        if branch.nfe is not None and not 1 <= branch.nfe <= model.evaluations.high:
            yield Problem(name, f"nfe should be 1 to {model.evaluations.high:,}, not {branch.nfe}")
        if branch.nfe is not None and model.evaluations.low == model.evaluations.high:
            yield Problem(name, f"a {model.family} always takes {model.evaluations.low} "
                          "evaluations", "leave nfe out")
        if branch.eta is not None and not 0.0 <= branch.eta <= 1.0:
            yield Problem(name, f"eta should be 0 to 1, not {branch.eta:g}")
        if branch.label is not None and not 0 <= branch.label < len(classes):
            yield Problem(name, f"there is no class {branch.label}",
                          f"choose 0 to {len(classes) - 1}" if classes else
                          "this model learned no labels")


def idle(request: Draw, config: RunConfig) -> Iterator[Notice]:
    """Tell where a branch's other seed changes nothing, as no noise is drawn any more."""
    model, sampler = config.model, request.sampler or config.sampler
    eta = config.sample.eta if request.eta is None else request.eta
    for branch in request.branches:
        sampler, eta = branch.sampler or sampler, eta if branch.eta is None else branch.eta
        if branch.seed is not None and not model.draws_noise(sampler, eta):
            yield Notice(f"Another seed changes nothing after frame {branch.at}",
                         f"{sampler} draws no fresh noise on the way",
                         "take the ancestral sampler, or DDIM with η above 0")


# --- the walk -------------------------------------------------------------------------------------


def walked(
    draw: Drawing, streams: Callable[[int], Rows], plan: DrawPlan, request: Draw,
    model: ModelSection, family: Family, keeps: bool,
) -> Iterator[Moment]:
    """Draw a batch way after way; `streams` returns the noise of a seed from its beginning.

    With `keeps` its frames are kept, and those of a drawing that went the same ways are taken
    again up to the last branch. Raises UsageError for a branch at a frame that is not there.
    """
    keeps = keeps and request.image is None
    trail = Trail(family, replace(request, frames=True))
    way, rows, place = Way(plan, request.seed), streams(request.seed), 0
    moments: Iterator[Moment] = iter(())
    here: Moment | None = None
    if keeps and (known := _known(trail, model)) is not None:
        place, trail.frames, left = known
        yield from (kept.moment for kept in trail.frames)
        here, way, rows = left.moment, left.way, left.rows()
    else:
        moments = draw(plan, rows)

    room, shelf = KEPT_BYTES - trail.size(), Shelf()

    def told(moment: Moment) -> Moment:
        nonlocal keeps, room
        if keeps:
            before = trail.frames[-1] if trail.frames else None
            if before is not None and before.way is way and not model.draws_noise(
                    way.plan.sampler, way.plan.eta):
                states = before.states  # nothing was drawn since
            else:
                states = tuple(row.get_state() for row in rows)
            trail.frames.append(Kept(shelf.put(moment), way, states))
            room -= trail.frames[-1].size(before)
            if room < 0:  # of large pictures nothing is kept
                keeps = False
                trail.frames.clear()
                _let_go()
        return moment

    for branch in request.branches[place:]:
        if here is None:
            here = yield from _until(branch.at, map(way.counted, moments), told)
        turned = turn(way, branch, here, model)
        if turned is None:  # it changes nothing
            yield told(here)
        else:
            rows = streams(turned.seed) if turned.seed != way.seed else rows
            way = turned
            moments = draw(_starting(way, here, rows), streams(request.seed))
        here = None
    for moment in moments:
        yield told(way.counted(moment))
    if keeps:
        _keep(trail)


def turn(way: Way, branch: Branch, here: Moment, model: ModelSection) -> Way | None:
    """Return the way that a branch goes from a counted moment; None where it is the same way.

    Sampler and number of evaluations as they were keep the levels that were still to come; else
    the evaluations are spread anew from here.
    """
    plan, seed = way.plan, way.seed
    sampler = branch.sampler or plan.sampler
    eta = plan.eta if branch.eta is None or sampler != "ddim" else branch.eta
    guidance = plan.guidance if branch.guidance is None else branch.guidance
    if branch.seed is not None and model.draws_noise(sampler, eta):
        seed = branch.seed
    labels = plan.labels
    if branch.label is not None and not (labels is not None and int(labels[0]) == branch.label):
        labels = torch.full((plan.count,), branch.label, device=here.x_t.device)
    left = way.left_at(here)
    nfe = branch.nfe or left
    is_respaced = (sampler, nfe) != (plan.sampler, left)
    is_same = (eta, guidance, seed) == (plan.eta, plan.guidance, way.seed)
    if is_same and labels is plan.labels and not is_respaced:
        return None
    changed = replace(plan, sampler=sampler, eta=eta, guidance=guidance, labels=labels)
    frame, before = here.step, here.nfe - 1
    if not is_respaced:
        return Way(changed, seed, frame, before, way.top, way.spent)
    origin = Start(here, [], here.t)
    return Way(replace(changed, nfe=nfe, start=origin), seed, frame, before, frame, before)


def _starting(way: Way, here: Moment, rows: Rows) -> DrawPlan:
    """Return the plan of a way that starts at a counted moment with this noise still to come."""
    before = way.plan.start
    return replace(way.plan, start=Start(
        here, rows, before.origin if before is not None else None, way.frame - way.top))


def _until(at: int, moments: Iterator[Moment], told: Callable[[Moment], Moment],
           ) -> Generator[Moment, None, Moment]:
    """Tell the moments before frame `at`; return that one."""
    for moment in moments:
        if at >= moment.steps:
            last = moment.steps - 1
            raise UsageError(f"There is no frame {at} to branch at",
                             f"the drawing goes on from frames 0 to {last}" if last >= 0 else
                             "the drawing is done in one pass", "choose one of those")
        if moment.step == at:
            return moment
        yield told(moment)
    raise UsageError(f"There is no frame {at} to branch at", "the drawing ended before it")


# --- what is kept ---------------------------------------------------------------------------------


def _known(trail: Trail, model: ModelSection) -> tuple[int, list[Kept], Kept] | None:
    """Find a kept drawing that went the same ways up to one of the branches, the last if it can be.

    Returns the place of that branch, the frames before it, and the frame where it leaves.
    """
    asked = trail.asked
    for place in reversed(range(len(asked.branches))):
        branch, alike = asked.branches[place], replace(asked, branches=asked.branches[:place])
        for kept in reversed(_trails):
            if kept.family is trail.family and kept.asked == alike and (
                    branch.at < len(kept.frames) - 1):
                left = kept.frames[branch.at]
                if turn(left.way, branch, left.moment, model) is not None:
                    return place, kept.frames[:branch.at], left
    return None


def _keep(trail: Trail) -> None:
    """Keep a drawing as the newest."""
    _trails[:] = [*(kept for kept in _trails if kept.asked != trail.asked), trail]
    _let_go()


def _let_go() -> None:
    """Let go of the oldest drawings that there is no room for."""
    sizes = [kept.size() for kept in _trails]
    while _trails and sum(sizes) > KEPT_BYTES:
        del _trails[0], sizes[0]


def _restored(state: Tensor) -> torch.Generator:
    row = torch.Generator()
    row.set_state(state)
    return row
