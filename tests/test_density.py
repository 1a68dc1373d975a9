import numpy as np
import pytest

from hybridstudio import density, engine
from hybridstudio.config import DataConfig
from hybridstudio.data.points import PLANES, density_of
from hybridstudio.messages import Browse, Browsed

CELL = (2 * density.REACH / density.SIDE) ** 2


def browsed(**fields):
    asked = Browse(DataConfig(**fields), density=True)
    return next(event for event in engine.run(asked) if isinstance(event, Browsed))


def counted(points, parts=24):
    edges = np.linspace(-density.REACH, density.REACH, parts + 1)
    return np.histogram2d(points[:, 1], points[:, 0], (edges, edges))[0][::-1] / len(points)


def summed(grid, parts=24):
    each = density.SIDE // parts
    return grid.reshape(parts, each, parts, each).sum((1, 3)) * CELL


@pytest.mark.parametrize("name", PLANES)
def test_an_exact_density_is_that_of_the_points(name):
    told = browsed(name=name)
    assert told.is_exact
    assert told.density.shape == (density.SIDE, density.SIDE)
    assert told.density.sum() * CELL == pytest.approx(1.0, abs=1e-3)
    shares = summed(told.density)
    chance = np.sqrt(2 * shares / (np.pi * len(told.points)))  # of a count, as a mean deviation
    assert np.abs(shares - counted(told.points)).sum() < 1.2 * chance.sum()


def test_some_of_the_classes_and_own_points_are_estimated(tmp_path):
    some = browsed(name="moons", classes=("upper",))
    assert not some.is_exact
    assert density_of("moons", ("upper",)) is None
    assert some.density.sum() * CELL == pytest.approx(1.0, abs=0.01)
    assert np.abs(summed(some.density) - counted(some.points)).sum() / 2 < 0.05
    np.savetxt(tmp_path / "own.csv", np.random.RandomState(0).standard_normal((50, 2)))
    assert not browsed(name=f"points:{tmp_path / 'own.csv'}").is_exact


def test_an_estimate_from_a_bell_is_near_that_bell():
    points = 0.3 * np.random.RandomState(1).standard_normal((20_000, 2)).astype(np.float32)
    exact = density.on_grid(density.of_gaussians(np.zeros((1, 2)), 0.3))
    assert np.abs(density.estimated(points) - exact).sum() * CELL / 2 < 0.05


@pytest.mark.parametrize("points", [np.zeros((1, 2)), np.zeros((40, 2)), np.eye(2)])
def test_few_points_have_a_density_too(points):
    grid = density.estimated(points.astype(np.float32))
    assert np.isfinite(grid).all()
    assert grid.sum() * CELL == pytest.approx(1.0, abs=0.01)
    assert density.outlines(grid, density.levels(grid, (0.9,))[0])


def test_outlines_hold_the_share_they_are_said_to():
    std = 0.2
    grid = density.on_grid(density.of_gaussians(np.array([[0.3, -0.4]]), std))
    for share, level in zip((0.95, 0.5), density.levels(grid, (0.95, 0.5)), strict=True):
        (line,) = density.outlines(grid, level)
        radii = np.hypot(*(line - (0.3, -0.4)).T)
        # Of a round Gaussian a share s lies within the radius σ √(-2 ln(1 - s)).
        np.testing.assert_allclose(radii, std * (-2 * np.log(1 - share)) ** 0.5, atol=0.003)


def test_outlines_are_closed_apart_and_know_holes():
    grid = np.zeros((9, 9), np.float32)
    grid[1:8, 1:8] = 1.0
    grid[4, 4] = 0.0  # a hole
    assert len(density.outlines(grid, 0.5)) == 2
    grid[4, 4] = 1.0
    assert len(density.outlines(grid, 0.5)) == 1
    corner = np.eye(2, dtype=np.float32)  # touching at their corners only: kept apart
    assert len(density.outlines(corner, 0.5)) == 2
    assert density.outlines(np.zeros((4, 4), np.float32), 0.5) == []
    whole = density.outlines(np.ones((4, 4), np.float32), 0.5)  # closed at the border
    assert len(whole) == 1
