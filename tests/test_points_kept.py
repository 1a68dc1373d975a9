import numpy as np
import pytest

from hybridstudio import paths, points_kept
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.points_kept import Kept


def point(name="mine", kind="point", value=0.5, **more):
    return Kept(name, "z", np.full(4, value, np.float32), kind, **more)


def test_what_is_kept_comes_back(tmp_path):
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    points_kept.keep(tmp_path, point(label=3, picture=picture))
    points_kept.keep(tmp_path, point("steep", "direction", 0.1))
    mine, steep = points_kept.read(tmp_path)
    assert (mine.name, mine.space, mine.kind, mine.label) == ("mine", "z", "point", 3)
    assert mine.picture is not None
    np.testing.assert_array_equal(mine.picture, picture)
    np.testing.assert_array_equal(mine.code, np.full(4, 0.5, np.float32))
    assert steep.picture is None
    assert points_kept.read(tmp_path, "z", "direction") == (steep,)
    assert points_kept.read(tmp_path, "w") == ()


def test_the_same_name_is_replaced_and_can_be_forgotten(tmp_path):
    points_kept.keep(tmp_path, point())
    points_kept.keep(tmp_path, point(value=2.0))
    assert [kept.code[0] for kept in points_kept.read(tmp_path)] == [2.0]
    assert points_kept.free_name(tmp_path, "z", "point", "mine") == "mine 2"
    points_kept.forget(tmp_path, point())
    assert points_kept.read(tmp_path) == ()


def test_points_of_a_model_that_ships_lie_beside_the_users_runs():
    shipped = paths.checkpoints() / "vae-mnist"
    points_kept.keep(shipped, point())
    assert points_kept.file_of(shipped).is_relative_to(paths.runs())
    assert points_kept.named(shipped, "z", "mine") == point()
    with pytest.raises(UsageError, match="No point"):
        points_kept.named(shipped, "z", "other")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb"])
def test_a_name_is_asked_for(tmp_path, name):
    with pytest.raises(UsageError, match="needs a name"):
        points_kept.keep(tmp_path, point(name))


def test_a_damaged_file_is_told(tmp_path):
    points_kept.file_of(tmp_path).write_bytes(b"PK nothing")
    with pytest.raises(StudioError, match="cannot be read"):
        points_kept.read(tmp_path)
