"""The scores against torchmetrics and prdc, and where sets are small, collapsed or the same."""

import contextlib
import io
import warnings

import numpy as np
import pytest
import torch

from hybridstudio.scores import classes, frechet, kernel, modes, neighbours

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchmetrics warns of what it does not find
    import prdc
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import KernelInceptionDistance

# Of memory that buffers may take, and of a standard deviation over one part.
pytestmark = [pytest.mark.filterwarnings("ignore:Metric `"),
              pytest.mark.filterwarnings("ignore:std\\(\\)")]


def features(seed: int, count: int, width: int, shift: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    turn = np.random.default_rng(width).normal(size=(width, width)) / width**0.5
    return (random.normal(size=(count, width)) @ turn + shift).astype(np.float32)


class Same(torch.nn.Module):
    """The feature network that gives back what it gets."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def told(metric: object, real: np.ndarray, drawn: np.ndarray) -> object:
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(drawn), real=False)
    return metric.compute()


# --- Fréchet distance -----------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "width"), [(500, 16), (300, 64), (40, 64)])
def test_frechet_agrees_with_torchmetrics(count: int, width: int) -> None:
    real, drawn = features(0, count, width), features(1, count + 7, width, 0.3)
    metric = FrechetInceptionDistance(Same(width), input_img_size=(width,))
    metric.set_dtype(torch.float64)
    expected = float(told(metric, real, drawn))
    ours = frechet.frechet_distance(frechet.moments(real), frechet.moments(drawn))
    assert ours == pytest.approx(expected, rel=1e-4)


def test_moments_gathered_in_parts_are_those_of_the_whole() -> None:
    values = features(0, 1000, 12) + 1000.0
    sums, rest = frechet.Sums(), frechet.Sums()
    for part in np.array_split(values[:700], 9):
        sums.add(part)
    rest.add(values[700:])
    sums.join(rest)
    whole = values.astype(np.float64)
    assert sums.count == 1000
    np.testing.assert_allclose(sums.moments().mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(sums.moments().covariance, np.cov(whole.T), atol=1e-9)


def test_frechet_of_the_same_pictures_is_nothing_even_of_features_that_never_vary() -> None:
    values = features(0, 60, 200)
    values[:, 50:] = 0.25
    same = frechet.moments(values)
    assert frechet.frechet_distance(same, same) == 0.0
    one = frechet.moments(values[:1])
    assert frechet.frechet_distance(one, one) == 0.0
    assert np.isfinite(frechet.frechet_distance(one, same))


def test_deviations_cover_what_other_drawings_give() -> None:
    real = frechet.moments(features(0, 20_000, 8))
    spread = np.std(frechet.deviations(real, features(1, 500, 8, 0.4), np.random.default_rng(0)))
    others = [frechet.frechet_distance(real, frechet.moments(features(seed, 500, 8, 0.4)))
              for seed in range(10, 60)]
    assert spread == pytest.approx(np.std(others), rel=0.35)


# --- kernel distance ------------------------------------------------------------------------------


def test_kid_agrees_with_torchmetrics_on_one_whole_subset() -> None:
    real, drawn = features(0, 300, 24), features(1, 300, 24, 0.2)
    metric = KernelInceptionDistance(Same(24), subsets=1, subset_size=300)
    expected = float(told(metric, real.astype(np.float64), drawn.astype(np.float64))[0])
    ours = kernel.kernel_distances(real, drawn, np.random.default_rng(0), size=300)
    assert ours.shape == (1,)
    assert ours[0] == pytest.approx(expected, rel=1e-4)


def test_kid_over_subsets_is_unbiased_and_never_above_nothing_for_equal_sets() -> None:
    noise = np.random.default_rng(0)
    real, drawn = features(0, 2000, 8), features(1, 2000, 8)
    apart = kernel.kernel_distances(real, drawn, noise, 40, 200)
    assert abs(apart.mean()) < 4 * apart.std() / 40**0.5 + 1e-3
    assert (kernel.kernel_distances(real, real, noise, 10, 200) <= 0.0).all()
    assert kernel.kernel_distances(real[:1], real[:1], noise) == pytest.approx([0.0])
    assert kernel.kernel_distances(real[:1], drawn[:1], noise) > 0


# --- neighbours -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("real_count", "drawn_count", "shift"),
                         [(300, 300, 0.0), (200, 350, 0.4), (400, 120, 3.0)])
@pytest.mark.parametrize("nearest", [3, 5])
def test_neighbours_agree_with_prdc_exactly(
    real_count: int, drawn_count: int, shift: float, nearest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 5000)  # several blocks
    real, drawn = features(0, real_count, 10), features(1, drawn_count, 10, shift)
    with contextlib.redirect_stdout(io.StringIO()):
        expected = prdc.compute_prdc(real.astype(np.float64), drawn.astype(np.float64), nearest)
    found = neighbours.neighbourhoods(real, drawn, nearest)
    assert found.precise.mean() == expected["precision"]
    assert found.recalled.mean() == expected["recall"]
    assert found.density.mean() == pytest.approx(expected["density"], rel=1e-12)
    assert found.covered.mean() == expected["coverage"]


def test_the_same_pictures_are_wholly_precise_and_covered() -> None:
    values = features(0, 500, 30)
    found = neighbours.neighbourhoods(values, values)
    assert [part.mean() for part in found] == pytest.approx([1.0] * 4)


def test_ten_pictures_repeated_cover_nearly_nothing() -> None:
    real = features(0, 1000, 10)
    found = neighbours.neighbourhoods(real, np.repeat(real[:10], 100, axis=0))
    assert found.precise.mean() == 1.0
    assert found.covered.mean() < 0.1
    assert found.recalled.mean() < 0.02


def test_neighbours_of_few_and_of_one_are_finite() -> None:
    real = features(0, 3, 6)
    for drawn in (real[:1], real[:2], np.ones((4, 6), np.float32)):
        for a, b in ((real, drawn), (drawn, real)):
            assert all(np.isfinite(part).all() for part in neighbours.neighbourhoods(a, b))


def test_the_nearest_picture_is_found_and_a_copy_is_known() -> None:
    among = features(0, 400, 20)
    pictures = np.concatenate([among[[7, 300]] + 1e-3, features(1, 5, 20)])
    *_, found = neighbours.nearest(pictures, np.array_split(among, 3))
    expected = np.linalg.norm(pictures[:, None] - among[None], axis=2)
    assert found.places.tolist() == expected.argmin(1).tolist()
    np.testing.assert_allclose(found.second, np.sort(expected, 1)[:, 1], rtol=1e-5)
    assert found.copied.tolist() == [True, True] + [False] * 5


# --- classes --------------------------------------------------------------------------------------


def test_inception_score_agrees_with_torchmetrics() -> None:
    logits = torch.from_numpy(features(0, 400, 10) * 3.0)
    metric = InceptionScore(Same(10), splits=1)
    metric.update(logits)
    expected = float(metric.compute()[0])
    ours = classes.inception_scores(logits.double().softmax(1).numpy(), 1)
    assert ours[0] == pytest.approx(expected, rel=1e-4)
    assert classes.inception_scores(np.eye(10).repeat(10, 0), 1)[0] == pytest.approx(10.0)
    assert classes.inception_scores(np.eye(10)[:1])[0] == 1.0


def test_entropy_and_divergence_of_known_histograms() -> None:
    assert classes.entropy(np.full(10, 7)) == pytest.approx(np.log(10))
    assert classes.entropy(np.array([5, 0, 0])) == 0.0
    assert classes.entropy(np.zeros(3)) == 0.0
    assert classes.divergence(np.array([1, 1]), np.array([50, 50])) == 0.0
    assert classes.divergence(np.array([4, 0]), np.array([50, 50])) == pytest.approx(np.log(2))
    assert 0 < classes.divergence(np.array([4, 4]), np.array([8, 0])) < np.inf
    assert classes.divergence(np.zeros(2), np.array([1, 1])) == 0.0


# --- modes ----------------------------------------------------------------------------------------


def test_modes_of_points_are_found_where_points_lie_near() -> None:
    centres = np.array([(x, y) for x in range(5) for y in range(5)], float)
    noise = np.random.default_rng(0)
    drawn = centres[noise.integers(10, size=2000)] + noise.normal(size=(2000, 2)) * 0.05
    drawn[:500] = 0.5  # between the modes
    found = modes.modes_of_points(drawn, centres, 0.05)
    assert (found.found, found.of) == (10, 25)
    assert found.share == pytest.approx(0.75, abs=0.01)
    assert found.kl == pytest.approx(np.log(2.5), abs=0.02)
    assert found.counts.sum() == round(found.share * 2000)
    nothing = modes.modes_of_points(np.full((3, 2), 50.0), centres, 0.05)
    assert (nothing.found, nothing.share, nothing.kl) == (0, 0.0, 0.0)


def test_modes_of_digits_are_measured_against_independent_digits() -> None:
    noise = np.random.default_rng(0)
    real = np.bincount(noise.integers(1000, size=10_000), minlength=1000)
    drawn = np.bincount(noise.integers(1000, size=25_600), minlength=1000)
    found = modes.modes_of_digits(drawn, real)
    assert (found.found, found.of) == (1000, 1000)
    assert found.kl == pytest.approx(1000 / 2 / 25_600, rel=0.2)
    collapsed = modes.modes_of_digits(np.eye(1000, dtype=np.int64)[5] * 100, real)
    assert collapsed.found == 1
    assert collapsed.kl == pytest.approx(np.log(1000), abs=0.3)
