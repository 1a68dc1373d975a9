import time
from pathlib import Path

import numpy as np
import pytest

from hybridstudio import data, engine
from hybridstudio.cloud import DARK, LIGHT, cloud, relit
from hybridstudio.config import DataConfig, RunConfig
from hybridstudio.data.points import PLANES, SPLITS, modes
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Augment, Browse, Frame, Noise


def opened(name, root=Path(), **how):
    loading = data.load(DataConfig(name=name, **how), root)
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def written(path, text):
    path.write_text(text, "utf-8")
    return f"points:{path}"


# --- the built-in ones ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANES)
def test_each_lies_in_the_square_and_is_the_same_every_time(name):
    found, again = opened(name), opened(name)
    assert found.images.shape == (100_000, 2)
    assert found.images.dtype == np.float32
    assert found.is_points
    assert np.abs(found.images).max() < 1.2
    assert np.abs(found.images).max() > 0.9
    assert found.fingerprint == again.fingerprint
    assert sum(found.counts) == len(found)
    assert max(found.counts) - min(found.counts) <= 1
    assert len(found.counts) == len(found.classes)


def test_the_test_part_is_other_points_of_the_same_kind():
    train, test = opened("rings"), opened("rings", split="test")
    assert len(test) == SPLITS["test"][0]
    assert len(opened("rings", split="all")) == len(train) + len(test)
    assert not set(map(tuple, train.images)) & set(map(tuple, test.images))
    np.testing.assert_allclose(train.images.std(0), test.images.std(0), atol=0.01)


@pytest.mark.parametrize(("name", "count", "ratio"), [("gaussians25", 25, 0.05 / 2),
                                                      ("gaussians8", 8, 0.02 / 2)])
def test_modes_are_where_the_points_are(name, count, ratio):
    centres, std = modes(name)
    found = opened(name)
    assert centres.shape == (count, 2)
    assert centres.dtype == np.float32
    offsets = found.images - centres[found.labels]
    assert offsets.std() == pytest.approx(std, rel=0.01)
    assert abs(offsets.mean()) < std / 50
    if name == "gaussians25":
        gaps = np.linalg.norm(centres[:, None] - centres, axis=2)
        assert std / gaps[gaps > 0].min() == pytest.approx(ratio)
        assert found.classes[0] == "(-4, 4)"
        np.testing.assert_allclose(centres[0] * found.scale + found.centre, (-4, 4))


def test_what_has_no_modes_says_so():
    assert modes("moons") is None
    assert modes("mnist") is None


def test_rings_and_arms_are_told_by_their_labels():
    rings = opened("rings")
    radii = np.linalg.norm(rings.images, axis=1)
    for label in range(4):
        assert radii[rings.labels == label].mean() == pytest.approx((label + 1) / 4, abs=0.01)
    roll = opened("swissroll")
    radii = np.linalg.norm(roll.images * roll.scale + roll.centre, axis=1)
    means = [radii[roll.labels == label].mean() for label in range(3)]
    assert means == sorted(means)


def test_a_part_and_classes_are_chosen_as_with_pictures():
    few = opened("gaussians25", limit=50)
    assert len(few) == 50
    outer = opened("rings", classes=("ring 4",))
    assert outer.classes == ("ring 4",)
    assert len(outer) == 25_000
    with pytest.raises(UsageError, match="no class 'ring 9'"):
        opened("rings", classes=("ring 4", "ring 9"))


def test_points_are_pictures_of_two_channels_and_one_pixel():
    config = data.resolved(DataConfig(name="moons"), opened("moons"))
    assert (config.size, config.channels) == (1, 2)
    assert config.shape.is_points
    assert config.classes == ("upper", "lower")
    assert len(opened("moons", size=1, channels=2)) == 100_000  # as a run's own config has them


@pytest.mark.parametrize(("name", "how"), [
    ("moons", {"size": 32}), ("moons", {"channels": 3}), ("digits", {"size": 1}),
    ("digits", {"channels": 2})])
def test_pictures_and_points_are_not_mixed_up(name, how):
    with pytest.raises(UsageError, match="leave both empty"):
        opened(name, **how)


# --- the user's own -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "x,y,label\n1,10,a\n3,20,b\n5,30,a\n",
    "# made by hand\n1\t10\ta\n3\t20\tb\n\n5\t30\ta\n",
    "1;10;a\n3,0;20,0;b\n5;30;a\n",
    "1 10 a\n3 20 b\n5 30 a",
    '\ufeffx, y, "label"\n1, 10, "a"\n3, 20, "b"\n5, 30, "a"\n',
    "1,10,a,\r\n3,20,b,\r\n5,30,a,\r\n"])
def test_tables_of_many_kinds(tmp_path, text):
    found = opened(written(tmp_path / "own.csv", text), split="all")
    np.testing.assert_allclose(found.images * found.scale + found.centre,
                               [(1, 10), (3, 20), (5, 30)], rtol=1e-6)
    assert found.classes == ("a", "b")
    assert found.labels.tolist() == [0, 1, 0]
    assert found.centre == (3.0, 20.0)
    assert found.scale == 10.0
    assert np.abs(found.images).max() == 1.0


def test_arrays(tmp_path):
    points = np.random.RandomState(0).rand(60, 3)
    points[:, 2] = np.arange(60) % 3
    np.save(tmp_path / "own.npy", points)
    found = opened(f"points:{tmp_path / 'own.npy'}")
    assert found.classes == ("0", "1", "2")
    assert len(found) == 50
    np.save(tmp_path / "plain.npy", points[:, :2])
    assert opened(f"points:{tmp_path / 'plain.npy'}").classes == ()


def test_one_in_six_is_held_out(tmp_path):
    lines = "".join(f"{number},{number % 7}\n" for number in range(60))
    name = written(tmp_path / "own.csv", lines)
    train, test = opened(name), opened(name, split="test")
    assert (len(train), len(test)) == (50, 10)
    assert train.scale == test.scale  # those of the whole file
    both = np.concatenate([train.images, test.images])[:, 0]
    assert sorted(both.tolist()) == opened(name, split="all").images[:, 0].tolist()


def test_it_is_found_below_the_root(tmp_path):
    written(tmp_path / "own.csv", "1,2\n3,4\n")
    assert opened("points:own.csv", tmp_path).name == "points:own.csv"


def test_points_in_one_place(tmp_path):
    found = opened(written(tmp_path / "own.csv", "5,5\n5,5\n"))
    assert found.images.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("text", "says"), [
    ("", "There are no points"),
    ("x,y\n", "There are no points"),
    ("1,2\n3,four\n", "line 2 is no point"),
    ("1,2\n3,nan\n", "line 2 is no point"),
    ("x,y\n1,2\n\n1,2,a\n", "line 4 is no point"),
    ("1,2,a\n1,2\n", "line 2 is no point"),
    ("1,2,3,4\n5,6,7,8\n", "line 2 is no point"),
    ("".join(f"{n},{n},{n / 7}\n" for n in range(1200)), "third column of own")])
def test_faults_name_the_line(tmp_path, text, says):
    with pytest.raises(StudioError, match=says) as caught:
        opened(written(tmp_path / "own.csv", text))
    assert caught.value.fix


@pytest.mark.parametrize("array", [np.zeros((3, 4)), np.zeros(6), np.array([["a", "b"]]),
                                   np.array([[1.0, np.inf]])])
def test_arrays_that_are_no_points(tmp_path, array):
    np.save(tmp_path / "own.npy", array)
    with pytest.raises(StudioError, match="own"):
        opened(f"points:{tmp_path / 'own.npy'}")


def test_what_is_no_file_of_points(tmp_path):
    (tmp_path / "own.csv").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "own.npy").write_bytes(b"1,2\n")
    for name in ("own.csv", "own.npy", "."):
        with pytest.raises(StudioError):
            opened(f"points:{tmp_path / name}")
    with pytest.raises(StudioError, match="There is no"):
        opened(f"points:{tmp_path / 'none.csv'}")
    with pytest.raises(UsageError, match="points alone"):
        opened("points")
    with pytest.raises(UsageError) as caught:
        opened(str(tmp_path / "own.csv"))
    assert "points:" in caught.value.fix
    with pytest.raises(UsageError, match="no test points"):
        opened(written(tmp_path / "two.csv", "1,2\n3,4\n"), split="test")


# --- pictures of clouds ---------------------------------------------------------------------------


def far(picture, look=DARK):
    return np.abs(picture.astype(int) - look.ground).sum(2)


def test_a_point_is_a_dot_in_its_place():
    picture = cloud(np.array([[0.5, 0.75]], np.float32), side=200, reach=1.0)
    assert picture.shape == (200, 200, 3)
    assert picture.dtype == np.uint8
    row, column = np.unravel_index(far(picture).argmax(), (200, 200))
    assert abs(column - 150) <= 1
    assert abs(row - 25) <= 1  # y upwards
    np.testing.assert_allclose(picture[row, column], DARK.inks[0], atol=24)


def test_labels_have_their_colours():
    points = np.array([[-0.7, 0.3], [0.7, 0.3]], np.float32)
    picture = cloud(points, colours=np.array([1, 2]), look=LIGHT, reach=1.0)
    for ink, column in zip(LIGHT.inks[1:], (38, 218), strict=False):
        np.testing.assert_allclose(picture[89, column], ink, atol=40)


def test_sixteen_and_twenty_thousand_can_be_read():
    found = opened("gaussians25")
    centres, _ = modes("gaussians25")
    for count in (16, 400, 20_000):
        picture = cloud(found.images[:count], colours=found.labels[:count])
        strong = far(picture) > 150
        assert 0.001 < strong.mean() < 0.05, count
    places = np.rint((centres * (1, -1) / 1.25 + 1) * 128 - 0.5).astype(int)
    assert (far(picture)[places[:, 1], places[:, 0]] > 250).all()


def test_denser_is_brighter():
    stream = np.random.RandomState(0)
    points = np.concatenate([stream.normal((-0.5, 0), 0.02, (15_000, 2)),
                             stream.normal((0.5, 0), 0.2, (5_000, 2))]).astype(np.float32)
    picture = far(cloud(points))
    assert picture[:, :128].max() > picture[:, 128:].max()


def test_no_points_and_wild_ones_leave_the_empty_square():
    empty = cloud(np.empty((0, 2), np.float32))
    wild = cloud(np.array([[np.nan, 0], [np.inf, 0], [9, 9]], np.float32), colours=np.arange(3))
    np.testing.assert_array_equal(empty, wild)
    assert 0 < (far(empty) > 0).mean() < 0.05  # a faint grid
    assert tuple(empty[0, 0]) == DARK.ground


def test_a_dark_cloud_is_shown_in_a_light_window():
    points = opened("gaussians25").images[:2_000]
    dark, light = cloud(points), cloud(points, look=LIGHT)
    again = relit(dark, LIGHT)
    assert relit(dark, DARK) is dark
    assert np.abs(again.astype(int) - light).max() < 45  # where dots lie over grid lines
    assert np.abs(again.astype(int) - light).mean() < 1.0
    assert (relit(cloud(np.empty((0, 2), np.float32)), LIGHT)
            == cloud(np.empty((0, 2), np.float32), look=LIGHT)).all()


def test_the_same_points_always_give_the_same_picture_quickly():
    found = opened("rings", limit=20_000)
    first = cloud(found.images, colours=found.labels)
    began = time.perf_counter()
    again = cloud(found.images, colours=found.labels)
    assert time.perf_counter() - began < 0.3  # 7 ms where nothing else runs
    np.testing.assert_array_equal(first, again)


# --- looked at through the engine -----------------------------------------------------------------


def test_points_are_browsed_by_the_thousand():
    _, found, done = engine.run(Browse(DataConfig(name="gaussians25")))
    assert found.points.shape == (20_000, 2)
    assert found.images.shape == (1, 256, 256, 3)
    assert len(found.indices) == len(found.labels) == 20_000
    assert (found.total, done.result["total"]) == (100_000, 100_000)
    assert found.counts == (4000,) * 25
    assert min(np.bincount(found.labels)) > 600  # evenly spread
    one = list(engine.run(Browse(DataConfig(name="gaussians25"), label=3)))[1]
    assert len(one.points) == 4000
    assert set(one.labels) == {3}


def test_points_are_noised_as_pictures_are():
    config = RunConfig(data=DataConfig(name="gaussians8"))
    frames = [event for event in engine.run(Noise(config, tuple(range(500)), 3))
              if isinstance(event, Frame)]
    clean, half, noisy = (frame.points["x_t"] for frame in frames)
    np.testing.assert_array_equal(clean, opened("gaussians8").images[:500])
    np.testing.assert_array_equal(half[:2], list(engine.run(Noise(config, (0, 1), 3)))[2].points[
        "x_t"])
    assert noisy.std() == pytest.approx(1.0, abs=0.1)
    assert frames[1].x_t.shape == (1, 256, 256, 3)


def test_augmentation_grows_with_its_probability():
    request = Augment(DataConfig(name="digits"), tuple(range(40)), ("flips",), levels=3)
    frames = [event for event in engine.run(request) if isinstance(event, Frame)]
    assert [frame.t for frame in frames] == [0.0, 0.5, 1.0]
    first = frames[0].extra["augmented"]
    changed = [(frame.x_t != first).any((1, 2, 3)).sum() for frame in frames]
    assert changed[0] == 0 < changed[1] < changed[2]
    for faulty in (Augment(request.data, (0,), ("polish",)),
                   Augment(DataConfig(name="moons"), (0,), ("flips",))):
        with pytest.raises(UsageError):
            list(engine.run(faulty))
