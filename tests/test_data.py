"""Named data sets: what they hold, how a part of them is chosen, how they are fitted."""

from __future__ import annotations

import gzip
import pickle
import struct
import sys
import types
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from picturefiles import opened
from PIL import Image

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import decode
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Notice, Progress


def write_idx(path: Path, values: np.ndarray, *, packed: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = struct.pack(f">{1 + values.ndim}I", 0x0800 + values.ndim, *values.shape)
    raw += values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(raw) if packed else raw)


def write_mnist(folder: Path, count: int = 20, *, packed: bool = False) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        suffix = ".gz" if packed else ""
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}",
                  rng.integers(0, 256, (count, 28, 28)), packed=packed)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}",
                  np.arange(count) % 10, packed=packed)


# --- digits, and what holds for every set ---------------------------------------------------------


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    found, _ = opened("digits", split="all")
    real = load_digits()
    np.testing.assert_array_equal(found.images[..., 0], np.round(real.images * 255 / 16))
    np.testing.assert_array_equal(found.labels, real.target)
    assert found.classes == tuple("0123456789")
    assert sum(found.counts) == len(found) == 1797


def test_the_splits_of_digits_share_nothing():
    train, test, both = (opened("digits", split=split)[0] for split in ("train", "test", "all"))
    assert len(train) == 1500
    np.testing.assert_array_equal(np.concatenate([train.images, test.images]), both.images)


def test_a_limit_is_spread_and_classes_choose():
    found, _ = opened("digits", limit=100)
    assert len(found) == 100
    assert min(found.counts) > 0
    found, _ = opened("digits", classes=("7", "3", "7"), limit=10)
    assert found.classes == ("7", "3")
    assert set(found.labels) == {0, 1}
    everything, _ = opened("digits")
    first = everything.images[np.isin(everything.labels, (3, 7))][0]
    np.testing.assert_array_equal(found.images[0], first)


def test_an_unknown_class_is_refused_but_those_of_another_set_are_replaced():
    with pytest.raises(UsageError, match="no class 'seven'"):
        opened("digits", classes=("3", "seven"))
    assert opened("digits", classes=("cat", "dog"))[0].classes == tuple("0123456789")


@pytest.mark.parametrize(("size", "channels"), [(8, 3), (16, 1), (32, 3), (256, None)])
def test_any_size_and_channels(size, channels):
    found, events = opened("digits", size=size, channels=channels, limit=3)
    assert found.images.shape == (3, size, size, channels or 1)
    assert found.images.dtype == np.uint8
    assert found.labels.dtype == np.int64
    assert any(isinstance(event, Progress) for event in events)


def test_resolved_fills_in_what_the_data_says():
    config = DataConfig(name="digits", flip=True)
    found, _ = opened("digits")
    exact = data.resolved(config, found)
    assert (exact.size, exact.channels, exact.classes) == (8, 1, tuple("0123456789"))
    assert exact.flip
    again, _ = opened(**exact.model_dump())
    assert again.fingerprint == found.fingerprint


def test_the_fingerprint_is_of_the_content():
    prints = {opened("digits", **fields)[0].fingerprint for fields in (
        {}, {"limit": 10}, {"size": 16}, {"channels": 3}, {"split": "test"})}
    assert len(prints) == 5
    assert all(len(text) == 64 for text in prints)


@pytest.mark.parametrize(("name", "fix"), [
    ("mnits", "did you mean mnist?"), ("CIFAR10", "did you mean cifar10?"),
    ("zip", "write zip:PATH"), ("mnist:", ""), ("digits:5", ""),
    ("lsun", "write lsun:bedroom"), ("folder:", ""), ("~nobody/x", "")])
def test_names_that_are_no_data_set(name, fix):
    with pytest.raises(UsageError) as caught:
        opened(name)
    assert fix in caught.value.fix


def test_a_bare_path_is_told_how_to_write_it(tmp_path):
    with pytest.raises(UsageError, match="did you mean folder:"):
        opened(str(tmp_path))


def test_luma_is_pillows():
    pixels = np.random.default_rng(1).integers(0, 256, (5, 9, 9, 3), dtype=np.uint8)
    expected = np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in pixels])
    np.testing.assert_array_equal(decode.coloured(pixels, 1)[..., 0], expected)


# --- MNIST and its kin ----------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("where", ["MNIST/raw", "MNIST"])
def test_mnist_from_any_layout(tmp_path, packed, where):
    write_mnist(tmp_path / where, packed=packed)
    found, events = opened("mnist", tmp_path)
    assert found.images.shape == (20, 28, 28, 1)
    assert not events
    assert len(opened("mnist", tmp_path, split="all")[0]) == 40
    assert opened("mnist", tmp_path / "MNIST")[0].fingerprint == found.fingerprint


def test_mnist_agrees_with_torchvision(tmp_path):
    from torchvision.datasets import MNIST

    write_mnist(tmp_path / "MNIST" / "raw")
    for split, train in (("train", True), ("test", False)):
        found, _ = opened("mnist", tmp_path, split=split)
        theirs = MNIST(str(tmp_path), train=train, download=False)
        np.testing.assert_array_equal(found.images[..., 0], theirs.data.numpy())
        np.testing.assert_array_equal(found.labels, theirs.targets.numpy())


@pytest.mark.parametrize(("name", "folder", "first"), [
    ("fashion-mnist", "FashionMNIST", "T-shirt/top"), ("kmnist", "KMNIST", "o")])
def test_the_kin_of_mnist(tmp_path, name, folder, first):
    write_mnist(tmp_path / folder / "raw")
    assert opened(name, tmp_path)[0].classes[0] == first


@pytest.mark.parametrize("bad", [
    b"", b"\0\0\10\3", struct.pack(">4I", 0x803, 20, 28, 28) + bytes(99),
    struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 28), struct.pack(">4I", 0x801, 1, 1, 1) + b"0",
    struct.pack(">4I", 0x803, 20, 28, 28) + bytes(20 * 784 + 1),
    struct.pack(">4I", 0x803, 19, 28, 28) + bytes(19 * 784)])
def test_damaged_idx_files(tmp_path, bad):
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(bad)
    with pytest.raises(StudioError, match="is damaged"):
        opened("mnist", tmp_path)


def test_a_damaged_gz_and_labels_out_of_range(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    write_mnist(folder, packed=True)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(StudioError, match="is damaged"):
        opened("mnist", tmp_path)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.full(20, 10))
    with pytest.raises(StudioError, match="labels do not belong"):
        opened("mnist", tmp_path, split="test")


# --- CIFAR-10, CelebA, LSUN -----------------------------------------------------------------------


def write_cifar(folder: Path, count: int = 6) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    planes = rng.integers(0, 256, (6 * count, 3, 32, 32), dtype=np.uint8)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        rows = planes[number * count:(number + 1) * count].reshape(count, -1)
        batch = {b"data": rows, b"labels": [number] * count}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return planes


def test_cifar10_from_torchvisions_folder(tmp_path):
    planes = write_cifar(tmp_path / "cifar-10-batches-py")
    found, _ = opened("cifar10", tmp_path, split="all")
    np.testing.assert_array_equal(found.images, planes.transpose(0, 2, 3, 1))
    assert found.classes[found.labels[-1]] == "dog"
    assert len(opened("cifar10", tmp_path)[0]) == 30


class Hostile:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize("bad", [
    b"", b"junk", pickle.dumps(Hostile()), pickle.dumps({b"data": 1}), pickle.dumps(
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]})])
def test_a_damaged_or_hostile_batch_runs_no_code(tmp_path, monkeypatch, bad):
    monkeypatch.chdir(tmp_path)
    write_cifar(tmp_path / "cifar-10-batches-py")
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(bad)
    with pytest.raises(StudioError, match="data_batch_3 is damaged"):
        opened("cifar10", tmp_path)
    assert not (tmp_path / "ran").exists()


def jpeg(side: tuple[int, int] = (178, 218), colour: str = "red") -> bytes:
    file = BytesIO()
    Image.new("RGB", side, colour).save(file, "JPEG")
    return file.getvalue()


def write_celeba(folder: Path) -> None:
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = [("000001.jpg", 0, 1), ("000002.jpg", 1, -1), ("000003.jpg", 2, 1),
            ("000004.jpg", 0, -1)]
    for name, _, _ in rows:
        (folder / "img_align_celeba" / name).write_bytes(jpeg())
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {part}\n" for name, part, _ in rows))
    (folder / "list_attr_celeba.txt").write_text("4\nBald Smiling\n" + "".join(
        f"{name} -1 {smiles:2d}\n" for name, _, smiles in rows))


def test_celeba_parts_and_attributes(tmp_path):
    write_celeba(tmp_path / "celeba")
    found, _ = opened("celeba", tmp_path)
    assert found.images.shape == (2, 128, 128, 3)
    assert found.classes == ()
    assert len(opened("celeba", tmp_path, split="all", size=16)[0]) == 4
    smiling, _ = opened("celeba:Smiling", tmp_path, size=16)
    assert smiling.classes == ("not Smiling", "Smiling")
    assert smiling.labels.tolist() == [1, 0]
    with pytest.raises(UsageError, match="no attribute"):
        opened("celeba:Smilling", tmp_path, size=16)
    (tmp_path / "celeba" / "list_eval_partition.txt").write_bytes(b"\xff\xfe junk")
    with pytest.raises(StudioError, match="is damaged"):
        opened("celeba", tmp_path, size=8)


def test_celeba_from_its_archive(tmp_path):
    import zipfile

    write_celeba(tmp_path / "celeba")
    folder = tmp_path / "celeba" / "img_align_celeba"
    with zipfile.ZipFile(tmp_path / "celeba" / "img_align_celeba.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"img_align_celeba/{file.name}")
            file.unlink()
    folder.rmdir()
    assert len(opened("celeba", tmp_path, size=32)[0]) == 2


class FakeStore:
    """As much of an lmdb environment as is used."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values, self.closed = values, False

    def begin(self, write: bool):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def cursor(self):
        return self

    def iternext(self, keys: bool, values: bool):
        return iter(self.values)

    def get(self, key: bytes):
        return self.values.get(key)

    def close(self):
        self.closed = True


def test_lsun(tmp_path, monkeypatch):
    store = FakeStore({b"%040x" % number: jpeg((256, 300)) for number in range(5)})
    fake = types.ModuleType("lmdb")
    fake.open = lambda *given, **named: store
    fake.Error = OSError
    monkeypatch.setitem(sys.modules, "lmdb", fake)
    with pytest.raises(StudioError, match="bedroom_train_lmdb"):
        opened("lsun:bedroom_train", tmp_path)
    for part in ("train", "val"):
        (tmp_path / f"bedroom_{part}_lmdb").mkdir()
        (tmp_path / f"bedroom_{part}_lmdb" / "data.mdb").touch()
    found, _ = opened("lsun:bedroom", tmp_path, split="test", limit=3, size=64)
    assert found.images.shape == (3, 64, 64, 3)
    assert found.classes == ("bedroom",)
    assert store.closed
    with pytest.raises(UsageError, match="no category 'attic'"):
        opened("lsun:attic", tmp_path)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(StudioError, match="needs the package lmdb"):
        opened("lsun:bedroom", tmp_path)


def test_cifar10_falls_back_to_its_pictures(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "cifar10-images.zip", "w") as archive:
        for part in ("train", "test"):
            for name in ("airplane", "truck"):
                archive.writestr(f"{part}/{name}/0001.jpg", jpeg((32, 32)))
    found, events = opened("cifar10", tmp_path)
    assert found.images.shape == (2, 32, 32, 3)
    assert found.name == "cifar10"
    assert any(isinstance(event, Notice) and "not comparable" in event.why for event in events)
