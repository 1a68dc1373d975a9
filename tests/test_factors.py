"""Modes of `shapes` by its known factors, recognised in any picture and counted exactly."""

import numpy as np
import pytest

from hybridstudio import engine
from hybridstudio.data import shapes
from hybridstudio.data.factors import recognised
from hybridstudio.messages import Done, Notice, Score
from hybridstudio.scores.factors import FactorCount


@pytest.mark.parametrize("side", [16, 32])
def test_every_picture_is_recognised(side):
    table = shapes.factor_table(np.arange(0, shapes.TOTAL, 31))
    found = recognised(shapes.draw(table, side))
    np.testing.assert_array_equal(found.table, table)
    assert found.near.all()


def test_noise_changes_nothing_and_what_shows_no_shape_is_not_near():
    table = shapes.factor_table(300)
    pictures = shapes.draw(table, 32)
    noise = np.random.default_rng(0).normal(0, 8, pictures.shape)
    found = recognised(np.clip(pictures + noise, 0, 255).astype(np.uint8))
    assert (found.table == table).all(1).mean() > 0.97
    assert found.near.all()
    empty = np.stack([np.full((32, 32, 3), ground, np.uint8)
                      for ground in shapes.BACKGROUNDS.values()])
    random = np.random.default_rng(0).integers(256, size=(20, 32, 32, 3), dtype=np.uint8)
    assert not recognised(np.concatenate([empty, random])).near.any()


def test_combinations_and_factors_are_counted():
    real = shapes.factor_table()
    count = FactorCount()
    for _ in range(2):
        count.add(shapes.draw(real[:400], 16))
    told = count.told(real)
    assert (told["found"], told["of"], told["near"]) == (400, shapes.TOTAL, 1.0)
    assert told["expected"] == pytest.approx(780, abs=1)
    assert told["kl"] < 0.1
    assert told["factors"]["colour"]["counts"] == (
        2 * np.bincount(real[:400, 1], minlength=6)).tolist()
    one_colour = FactorCount()
    one_colour.add(shapes.draw(real[real[:, 1] == 2][:300], 16))
    told = one_colour.told(real)
    assert told["factors"]["colour"]["seen"] == 1
    assert told["factors"]["colour"]["kl"] == pytest.approx(np.log(6))
    some = real[np.isin(real[:, 0], (0, 3))]
    assert one_colour.told(some)["of"] == shapes.TOTAL // 4
    empty = FactorCount()
    empty.add(np.zeros((2, 16, 16, 3), np.uint8))
    assert (empty.told(real)["found"], empty.told(real)["near"]) == (0, 0.0)


def test_a_scoring_against_shapes_tells_them(tmp_path):
    rows = np.repeat(shapes.factor_table(60), 5, axis=0)
    np.save(tmp_path / "x.npy", shapes.draw(rows, 32))
    events = list(engine.run(Score(tmp_path / "x.npy", "shapes", 300, metrics=("modes",),
                                   device="cpu")))
    done = next(event for event in events if isinstance(event, Done))
    modes = done.result["scores"]["modes"]
    assert (modes["found"], modes["near"]) == (60, 1.0)
    assert set(modes["factors"]) == set(shapes.Factors._fields)
    assert any("few for" in one["what"] for one in done.result["warnings"])
    np.save(tmp_path / "grey.npy", shapes.draw(rows[:20], 32)[..., :1])
    events = list(engine.run(Score(tmp_path / "grey.npy", "shapes", 20, metrics=("modes",),
                                   device="cpu")))
    assert any("no modes that are known" in event.what for event in events
               if isinstance(event, Notice))
