import gzip
import struct
from types import SimpleNamespace

import numpy as np
import pytest

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import download
from hybridstudio.errors import StudioError, UsageError

COUNT = 40


@pytest.fixture
def root(tmp_path):
    """A small MNIST whose every picture is filled with a shade that tells its digit."""
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    labels = (np.arange(COUNT) % 10).astype(np.uint8)
    images = np.repeat(labels, 28 * 28).astype(np.uint8) * 20 + 10
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(
        struct.pack(">4I", 0x0803, COUNT, 28, 28) + images.tobytes()))
    (folder / "train-labels-idx1-ubyte").write_bytes(
        struct.pack(">2I", 0x0801, COUNT) + labels.tobytes())
    return tmp_path / "data"


def opened(root, **how):
    loading = data.load(DataConfig(name="stacked-mnist", **how), root)
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def test_three_digits_as_red_green_and_blue(root):
    found = opened(root)
    assert found.images.shape == (COUNT, 28, 28, 3)
    assert found.images.dtype == np.uint8
    assert found.name == "stacked-mnist"
    assert len(found.classes) == 1000
    assert (found.classes[0], found.classes[-1]) == ("000", "999")
    for image, label in zip(found.images, found.labels, strict=True):
        digits = (image[14, 14].astype(int) - 10) // 20
        assert "".join(map(str, digits)) == found.classes[label]


def test_each_digit_stands_once_in_every_channel_in_another_order(root):
    found = opened(root)
    digits = np.stack([found.labels // 100, found.labels // 10 % 10, found.labels % 10])
    assert all((np.bincount(row, minlength=10) == 4).all() for row in digits)
    assert not (digits[0] == digits[1]).all()
    assert not (digits[1] == digits[2]).all()
    assert found.fingerprint == opened(root).fingerprint


def test_size_limit_and_classes(root):
    found = opened(root, size=32, channels=3, limit=7)
    assert found.images.shape == (7, 32, 32, 3)
    config = data.resolved(DataConfig(name="stacked-mnist"), found)
    assert (config.size, config.channels, len(config.classes)) == (32, 3, 1000)
    first = opened(root)
    name = first.classes[first.labels[5]]
    one = opened(root, classes=(name,))
    assert one.classes == (name,)
    assert (one.images[0] == first.images[first.labels == first.labels[5]][0]).all()


def test_it_is_in_colour(root):
    with pytest.raises(UsageError, match="in colour"):
        opened(root, channels=1)


def test_without_mnist_the_fault_is_mnists(tmp_path, monkeypatch):
    def fail(*_):
        raise download.FetchError("no network")
        yield

    source = SimpleNamespace(mirrors=("nowhere/",), resources=[("train-images-idx3-ubyte.gz", "")])
    monkeypatch.setattr(download, "tables", lambda _: SimpleNamespace(MNIST=source))
    monkeypatch.setattr(download, "fetched", fail)
    with pytest.raises(StudioError, match="mnist"):
        opened(tmp_path)
