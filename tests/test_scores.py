"""The Fréchet distance against scipy's matrix root, and where matrix roots break."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from hybridstudio.scores.frechet import frechet_distance, moments


def features(seed: int, count: int, width: int, shift: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, width)) @ random.normal(size=(width, width)) + shift


@pytest.mark.parametrize("width", [1, 5, 64])
def test_agrees_with_scipys_matrix_root(width: int) -> None:
    a, b = moments(features(0, 500, width)), moments(features(1, 400, width, 0.5))
    root = np.atleast_2d(sqrtm(a.covariance @ b.covariance)).real
    expected = (np.sum((a.mean - b.mean) ** 2)
                + np.trace(a.covariance + b.covariance - 2 * root))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_of_a_set_to_itself_is_nothing_and_never_negative() -> None:
    same = moments(features(0, 300, 20))
    assert 0.0 <= frechet_distance(same, same) < 1e-8


def test_survives_fewer_pictures_than_features_and_a_collapsed_set() -> None:
    few, many = moments(features(0, 10, 64)), moments(features(1, 500, 64))
    collapsed = moments(np.ones((50, 64)))
    for distance in (frechet_distance(few, many), frechet_distance(collapsed, many)):
        assert np.isfinite(distance)
        assert distance > 0
    assert frechet_distance(collapsed, collapsed) == 0.0


def test_of_shifted_sets_is_the_square_of_the_shift() -> None:
    values = features(0, 200, 8)
    distance = frechet_distance(moments(values), moments(values + 2.0))
    assert distance == pytest.approx(8 * 4.0)
