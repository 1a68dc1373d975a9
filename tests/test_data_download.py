"""Downloads: told, checked, cancelled without a trace, from the next mirror if one fails."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
import types
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import download
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice, Progress


class Served(dict):
    """Files by their path, and the address that they are served from."""

    address = ""


@pytest.fixture
def served() -> Iterator[Served]:
    files = Served()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            claims, self.close_connection = files.get(self.path + "?length", len(content)), True
            self.send_header("Content-Length", str(claims))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    files.address = f"http://127.0.0.1:{server.server_port}"
    yield files
    server.shutdown()
    server.server_close()
    thread.join()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def opened(name: str, root: Path, **fields):
    events, loading = [], data.load(DataConfig(name=name, **fields), root)
    while True:
        try:
            events.append(next(loading))
        except StopIteration as end:
            return end.value, events


def idx(values: np.ndarray) -> bytes:
    head = (0x0800 + values.ndim).to_bytes(4, "big")
    return head + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()


@pytest.fixture
def mnist(served, monkeypatch) -> types.SimpleNamespace:
    """Serve a small MNIST behind a mirror that is down and another that sends rubbish."""
    rng = np.random.default_rng(0)
    resources = []
    for part in ("train", "t10k"):
        for kind, values in (("images-idx3", rng.integers(0, 256, (500, 28, 28), dtype=np.uint8)),
                             ("labels-idx1", np.arange(500, dtype=np.uint8) % 10)):
            name = f"{part}-{kind}-ubyte.gz"
            packed = gzip.compress(idx(values))
            served[f"/good/{name}"], served[f"/rubbish/{name}"] = packed, b"<html>try later</html>"
            resources.append((name, md5(packed)))
    table = types.SimpleNamespace(resources=resources, mirrors=[
        f"{served.address}/{mirror}/" for mirror in ("absent", "rubbish", "good")])
    monkeypatch.setattr(download, "tables", lambda module: types.SimpleNamespace(MNIST=table))
    return table


def test_mnist_is_downloaded_into_torchvisions_layout(tmp_path, mnist):
    from torchvision.datasets import MNIST

    found, events = opened("mnist", tmp_path)
    assert len(found) == 500
    sizes = [event for event in events if isinstance(event, Progress) and event.unit == "bytes"]
    assert sizes[-1].step == sizes[-1].total
    assert any(isinstance(event, Notice) for event in events)
    names = {path.name for path in (tmp_path / "MNIST" / "raw").iterdir()}
    assert names == {f"train-{kind}-ubyte{suffix}" for kind in ("images-idx3", "labels-idx1")
                     for suffix in ("", ".gz")}
    assert not opened("mnist", tmp_path)[1]  # no second time
    opened("mnist", tmp_path, split="test")
    assert len(MNIST(str(tmp_path), download=False)) == 500


def test_without_a_network_the_error_names_the_way_out(tmp_path, mnist):
    mnist.mirrors = mnist.mirrors[:2]
    with pytest.raises(StudioError) as caught:
        opened("mnist", tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in caught.value.why
    assert "train-images-idx3-ubyte" in caught.value.why
    assert "404" in caught.value.why
    assert "checksum differs" in caught.value.why
    assert "--data-root" in caught.value.fix
    assert "digits" in caught.value.fix
    assert not list(tmp_path.rglob("*-ubyte*"))


@pytest.mark.parametrize("mirrors", [["http://127.0.0.1:1/"], ["http://nowhere.invalid/"],
                                     ["nonsense"], ["ftp:/x"]])
def test_mirrors_that_cannot_be_reached(tmp_path, mnist, mirrors):
    mnist.mirrors = mirrors
    with pytest.raises(StudioError, match="could not be downloaded"):
        opened("mnist", tmp_path)
    assert not (tmp_path / "MNIST").exists()


def test_cancelling_leaves_nothing_behind(tmp_path, mnist):
    loading = data.load(DataConfig(name="mnist"), tmp_path)
    while not (isinstance(event := next(loading), Progress) and event.step):
        pass
    assert event.total
    assert list(tmp_path.rglob("*.part"))
    loading.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_connection_that_breaks_off(tmp_path, mnist, served):
    path = f"/good/{mnist.resources[0][0]}"
    served[path + "?length"] = len(served[path])
    served[path] = served[path][:1000]
    with pytest.raises(StudioError, match="could not be downloaded"):
        opened("mnist", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_full_disk_is_no_network_failure(tmp_path, mnist, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.tempfile, "mkstemp", full)
    with pytest.raises(OSError, match="No space left"):
        opened("mnist", tmp_path)


def test_torchvision_that_cannot_be_imported(tmp_path, monkeypatch):
    def mismatched(name):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(download.importlib, "import_module", mismatched)
    with pytest.raises(StudioError, match="cannot be imported") as caught:
        opened("kmnist", tmp_path)
    assert "doctor" in caught.value.fix


def test_torchvisions_tables_have_what_is_read():
    mnist = download.tables("mnist")
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        source = getattr(mnist, name)
        assert all(mirror.startswith("http") for mirror in source.mirrors)
        assert len(source.resources) == 4
    cifar = download.tables("cifar").CIFAR10
    assert cifar.url.endswith(cifar.filename)
    assert len(cifar.tgz_md5) == 32
    files = {name for _, _, name in download.tables("celeba").CelebA.file_list}
    assert {"img_align_celeba.zip", "list_eval_partition.txt", "list_attr_celeba.txt"} <= files


def test_cifar10_is_downloaded_and_unpacked(tmp_path, served, monkeypatch):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"):
            batch = pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 9]}, 2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(batch)
            archive.addfile(member, io.BytesIO(batch))
        evil = tarfile.TarInfo("../evil")
        archive.addfile(evil, io.BytesIO())
    served["/cifar-10-python.tar.gz"] = packed.getvalue()
    table = types.SimpleNamespace(filename="cifar-10-python.tar.gz", tgz_md5=md5(packed.getvalue()),
                                  url=f"{served.address}/cifar-10-python.tar.gz")
    monkeypatch.setattr(download, "tables", lambda module: types.SimpleNamespace(CIFAR10=table))
    found, _ = opened("cifar10", tmp_path)
    assert len(found) == 10
    assert not (tmp_path.parent / "evil").exists()
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"cut")
    (tmp_path / "cifar-10-batches-py" / "test_batch").unlink()
    with pytest.raises(StudioError, match="is damaged"):
        opened("cifar10", tmp_path, split="test")


def test_celeba_is_downloaded(tmp_path, served, monkeypatch):
    pictures, picture = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (178, 218)).save(picture, "JPEG")
    with zipfile.ZipFile(pictures, "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", picture.getvalue())
    files = {"img_align_celeba.zip": pictures.getvalue(),
             "list_eval_partition.txt": b"000001.jpg 0\n", "list_attr_celeba.txt": b"unused"}
    served.update({f"/{name}": content for name, content in files.items()})
    table = types.SimpleNamespace(file_list=[
        (name, md5(content), name) for name, content in files.items()])
    monkeypatch.setattr(download, "tables", lambda module: types.SimpleNamespace(CelebA=table))
    monkeypatch.setattr("hybridstudio.data.celeba.DRIVE", f"{served.address}/")
    found, _ = opened("celeba", tmp_path, size=32)
    assert found.images.shape[0] == 1
    assert not (tmp_path / "celeba" / "list_attr_celeba.txt").exists()  # not needed
    served.clear()
    with pytest.raises(StudioError) as caught:
        opened("celeba:Smiling", tmp_path)
    assert "mmlab" in caught.value.fix
