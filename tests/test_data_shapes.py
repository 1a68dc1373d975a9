"""The drawn pictures: their factors are exact, their order fixed, no two alike."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import shapes


def opened(**fields):
    loading = data.load(DataConfig(name="shapes", **fields), Path("nowhere"))
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def test_every_combination_is_there_once():
    table = shapes.factor_table()
    assert len(np.unique(table, axis=0)) == len(table) == shapes.TOTAL == 15_552
    assert (table >= 0).all()
    assert (table < np.array(shapes.LEVELS)).all()
    np.testing.assert_array_equal(shapes.indices_of(table), np.arange(shapes.TOTAL))


@given(st.integers(0, shapes.TOTAL - 1))
def test_index_to_factors_and_back(index):
    found = shapes.factors(index)
    assert shapes.indices_of([found]).tolist() == [index]


def test_the_order_never_changes():
    assert shapes.factors(0) == (5, 5, 0, 1, 1, 0)
    whole = hashlib.sha256(shapes.factor_table().astype("<i8").tobytes()).hexdigest()
    assert whole.startswith("d1bbcd00ae7d316f")


@pytest.mark.parametrize("size", [32, 64])
def test_no_two_pictures_look_alike(size):
    outlines = [(shape, 0, scale, place, rotation, 0) for shape in range(8) for scale in range(3)
                for place in range(9) for rotation in range(4)]
    flat = shapes.draw(outlines, size)[..., 0].reshape(len(outlines), -1).astype(np.float32)
    square = (flat ** 2).sum(1)
    distance = square[:, None] + square[None] - 2 * flat @ flat.T
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 300.0 ** 2  # red on night: 190 for a whole pixel
    inks = shapes._inks()[:, :, [0, 255]].reshape(18, -1)
    assert len(np.unique(inks, axis=0)) == 18


def test_pictures_show_their_factors():
    found = opened(split="all", limit=200, size=64)
    rows = shapes.indices(DataConfig(name="shapes", split="all", limit=200))
    table = shapes.factor_table(rows)
    np.testing.assert_array_equal(found.labels, table[:, 0])
    np.testing.assert_array_equal(found.images, shapes.draw(table, 64))
    grounds = np.array(list(shapes.BACKGROUNDS.values()))[table[:, 5]]
    np.testing.assert_array_equal(found.images[:, 0, 0], grounds)
    ys, xs = np.mgrid[0:64, 0:64]
    for picture, row in zip(found.images, table, strict=True):
        mask = (picture != picture[0, 0]).any(-1)
        x, y = shapes.PLACES[row[3]]
        assert abs(xs[mask].mean() / 64 - x) < 0.12
        assert abs(ys[mask].mean() / 64 - y) < 0.12
        assert not mask[0].any()
        assert not mask[-1].any()


def test_the_parts_are_disjoint_and_whole():
    parts = [set(shapes.indices(DataConfig(name="shapes", split=split)).tolist())
             for split in ("train", "test")]
    assert not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) == shapes.TOTAL
    assert min(np.bincount(shapes.factor_table(sorted(parts[1]))[:, 0])) > 250


def test_classes_and_channels():
    found = opened(classes=("star", "moon"), limit=50, channels=1, size=16)
    assert found.images.shape == (50, 16, 16, 1)
    assert found.classes == ("star", "moon")
    assert set(found.labels) == {0, 1}


def test_thousands_of_pictures_take_seconds():
    began = time.monotonic()
    first = opened()
    assert time.monotonic() - began < 10
    assert first.images.shape == (12_960, 32, 32, 3)
    assert opened().fingerprint == first.fingerprint
