"""Completing and inverting pictures: with a Gaussian whose answers are known, and shipped runs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from hybridstudio import engine, paths
from hybridstudio.diffusion.inpainting import Known, begun, repaint, route
from hybridstudio.diffusion.inversion import REACH, highest
from hybridstudio.diffusion.samplers import Moment, Options, Prediction, levels_of
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.errors import ConfigError, StudioError
from hybridstudio.frames import DIFFERENCE, NOISE, completed, rows_of
from hybridstudio.messages import Done, Draw, Frame

RHO = 0.9  # the correlation of the two numbers of a point
SCHEDULE = Schedule.named("cosine", 200)


def predict(x_t: Tensor, t: Tensor) -> Prediction:
    """Return the exact E[x_0 | x_t] of points (N, 2, 1, 1) ~ N(0, [[1, ρ], [ρ, 1]])."""
    alpha_bar = float(SCHEDULE.alphas_cumprod[int(t[0])])
    sigma = torch.tensor([[1.0, RHO], [RHO, 1.0]])
    gain = alpha_bar**0.5 * sigma @ torch.linalg.inv(
        alpha_bar * sigma + (1 - alpha_bar) * torch.eye(2))
    x0 = (x_t.flatten(1) @ gain.T).reshape(x_t.shape)
    return Prediction(x0, SCHEDULE.eps_from_x0(x_t, t, x0))


def told(times: int, sampler: str = "ancestral", count: int = 300) -> list[Moment]:
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(count, 2, 1, 1, generator=noise)
    image = torch.tensor([1.5, 0.0]).reshape(1, 2, 1, 1).expand_as(x)
    known = Known(image, torch.tensor([True, False])[:, None, None], noise)
    timesteps = SCHEDULE.timesteps(40, "trailing")
    x = begun(x, known, levels_of(SCHEDULE, timesteps)[0], is_noised=False)
    return list(repaint(sampler, predict, x, SCHEDULE, timesteps, noise,
                        Options(clip_x0=False), known, 4, times))


def test_the_rest_goes_with_what_is_known_once_it_is_resampled() -> None:
    truth = RHO * 1.5
    errors = {}
    for times in (1, 8):
        points = told(times)[-1].x_t.flatten(1)
        assert torch.equal(points[:, 0], torch.full((300,), 1.5))
        errors[times] = abs(float(points[:, 1].mean()) - truth)
    assert errors[8] < 0.15
    assert errors[1] > 2 * errors[8]
    assert float(points[:, 1].std()) == pytest.approx((1 - RHO**2) ** 0.5, rel=0.25)


@pytest.mark.parametrize("sampler", ["ancestral", "ddim", "dpm++2m"])
def test_every_evaluation_is_a_moment(sampler: str) -> None:
    moments = told(3, sampler, count=2)
    assert len(moments) == 40 * 3 + 1
    assert [moment.nfe for moment in moments[:3]] == [1, 2, 3]
    assert moments[-1].nfe == 120
    assert {moment.steps for moment in moments} == {120}
    assert moments[4].t == moments[0].t  # back up after four steps
    assert moments[-1].t == 0


@pytest.mark.parametrize(("steps", "length", "times"), [(7, 3, 2), (5, 10, 4), (4, 1, 1)])
def test_a_route_walks_every_part_as_often(steps: int, length: int, times: int) -> None:
    ways = route(steps, length, times)
    assert ways[0][0] == 0
    assert ways[-1][1] == steps
    assert all(before[1] == after[0] for before, after in pairwise(ways))
    down = [way for way in ways if way[0] < way[1]]
    assert all(down.count((place, place + 1)) == times for place in range(steps))


def test_a_picture_is_not_walked_back_where_nothing_is_left_of_it() -> None:
    row = highest(SCHEDULE, 199)
    assert float(SCHEDULE.snr[row]) >= REACH**-2 > float(SCHEDULE.snr[row + 1])
    assert highest(SCHEDULE, 50) == 50


# --- models that ship -----------------------------------------------------------------------------


def digit(label: int = 3) -> np.ndarray:
    drawn = list(engine.run(Draw(paths.checkpoints() / "ddpm-mnist", 1, nfe=12, seed=5,
                                 label=label, frames=False, device="cpu")))[-1]
    assert isinstance(drawn, Done)
    assert drawn.images is not None
    return drawn.images[0]


@pytest.mark.parametrize(("name", "nfe"), [("ddpm-mnist", 24), ("hybrid-mnist", 4),
                                           ("ncsn-mnist", 21)])
def test_known_pixels_stay_exactly(name: str, nfe: int) -> None:
    image, mask = digit(), np.ones((28, 28), bool)
    mask[14:] = False
    events = list(engine.run(Draw(paths.checkpoints() / name, 2, nfe=nfe, image=image, mask=mask,
                                  device="cpu")))
    done, frames = events[-1], [event for event in events if isinstance(event, Frame)]
    assert isinstance(done, Done)
    assert done.images is not None
    assert (done.images[:, mask] == image[mask]).all()
    assert not (done.images[:, ~mask] == image[~mask]).all()
    assert done.result["nfe"] <= nfe
    assert [frame.step for frame in frames] == list(range(len(frames)))


def test_a_denoising_gan_completes_a_picture_in_its_few_steps() -> None:
    image, mask = digit(), np.ones((28, 28), bool)
    mask[14:] = False
    drawn = []
    for seed in (0, 1):
        events = list(engine.run(Draw(
            paths.checkpoints() / "ddgan-mnist", 2, image=image, mask=mask, seed=seed,
            knobs={"resample": 3, "jump": 2}, device="cpu")))
        frames = [event for event in events if isinstance(event, Frame)]
        done = events[-1]
        assert isinstance(done, Done)
        assert done.images is not None
        assert (done.images[:, mask] == image[mask]).all()
        assert [frame.t for frame in frames] == [4, 3, 4, 3, 4, 3, 2, 1, 2, 1, 2, 1, 0]
        assert done.result["nfe"] == frames[-1].nfe == 12
        # What is known is at the level of the rest all the way, not only at the end.
        upper = [np.abs(frame.x_t[:, :14].astype(float) - 127.5).mean() for frame in frames[:-1]]
        lower = [np.abs(frame.x_t[:, 14:].astype(float) - 127.5).mean() for frame in frames[:-1]]
        assert np.allclose(upper, lower, rtol=0.25)
        drawn.append(done.images)
    assert not (drawn[0][:, ~mask] == drawn[1][:, ~mask]).all()
    assert not (drawn[0][0] == drawn[0][1]).all()


def test_an_inversion_comes_back_within_its_error() -> None:
    events = list(engine.run(Draw(paths.checkpoints() / "ddpm-mnist", 1, nfe=40, image=digit(),
                                  invert=True, label=3, device="cpu")))
    frames = [event for event in events if isinstance(event, Frame)]
    assert [frame.step for frame in frames] == list(range(81))
    top = max(frames, key=lambda frame: frame.t)
    assert top.step == 40
    assert top.statistics["x_t"].std == pytest.approx(1.0, abs=0.1)  # it is noise there
    done = events[-1]
    assert isinstance(done, Done)
    assert done.result["error"] < 0.02  # of [-1, 1]


def test_the_noise_that_was_added_is_told() -> None:
    request = Draw(paths.checkpoints() / "ddpm-mnist", 2, nfe=4, image=digit(), from_step=400,
                   device="cpu")
    frames = [event for event in engine.run(request) if isinstance(event, Frame)]
    noise = frames[0].extra[NOISE]
    assert all(frame.extra[NOISE] is noise for frame in frames)
    spread = (noise / 127.5 - 1) * 2.5
    assert float(spread.std()) == pytest.approx(1.0, abs=0.06)
    assert {NOISE, DIFFERENCE} <= set(rows_of(frames[0]))
    shown = completed(frames[0], None, (DIFFERENCE,)).extra[DIFFERENCE]
    assert shown.mean() < np.abs(noise.astype(int) - 127.5).mean()  # the network sees some of it


@pytest.mark.parametrize(("asked", "why"), [
    ({"invert": True}, "no picture to invert"),
    ({"invert": True, "image": np.zeros((9, 9, 1), np.uint8), "sampler": "ancestral"}, "fresh"),
    ({"invert": True, "image": np.zeros((9, 9, 1), np.uint8), "eta": 0.5}, "fresh"),
    ({"invert": True, "image": np.zeros((9, 9, 1), np.uint8), "mask": np.ones((9, 9), bool)},
     "mask out"),
    ({"mask": np.ones((9, 9), bool)}, "no picture that it is of"),
    ({"image": np.zeros((9, 9, 1), np.uint8), "mask": np.ones((8, 9), bool)}, "9 × 8 pixels"),
    ({"image": np.zeros((9, 9, 4), np.uint8), "from_step": 9}, "grey or RGB"),
    ({"image": np.zeros((9, 0, 1), np.uint8), "from_step": 9}, "no picture"),
    ({"image": np.zeros((9, 9, 1), np.uint8), "from_step": 5000}, "1 to 1000"),
    ({"step": 77}, "step 77"),
])
def test_odd_input_is_told(asked: dict[str, object], why: str) -> None:
    with pytest.raises(StudioError, match=why):
        list(engine.run(Draw(paths.checkpoints() / "ddpm-mnist", 1, nfe=2, device="cpu",
                             **asked)))  # type: ignore[arg-type]


def test_a_huge_picture_is_brought_to_size() -> None:
    photo = np.full((3000, 5000, 3), 200, np.uint8)
    events = list(engine.run(Draw(paths.checkpoints() / "ddpm-mnist", 1, nfe=1, image=photo,
                                  from_step=10, device="cpu")))
    frame = next(event for event in events if isinstance(event, Frame))
    assert frame.x_t.shape == (1, 28, 28, 1)


@pytest.mark.parametrize("name", ["ncsn-mnist", "vae-mnist"])
def test_what_cannot_be_inverted_says_who_can(name: str) -> None:
    with pytest.raises(ConfigError, match="ddpm, hybrid"):
        list(engine.run(Draw(paths.checkpoints() / name, image=np.zeros((9, 9, 1), np.uint8),
                             invert=True, device="cpu")))
