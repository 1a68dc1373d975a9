"""The doctor: what of this machine works, what does not, and exactly how to mend it.

Whatever can crash a process (torch, Qt, drivers) is tried in a child of its own. Imports no torch
and no Qt. `python -m hybridstudio.doctor [NAME ...]` prints the checks, or only those named.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hybridstudio import paths

State = Literal["ok", "warn", "bad"]

LEAST_PYTHON = (3, 11)
LEAST_TORCH = (2, 11)  # 2.10 fixed CVE-2026-24747; 2.11 is the oldest that is tested
PATIENCE = 120  # seconds that a child may take; torch's first import from a slow disk is long
LITTLE_DISK, LEAST_DISK = 5e9, 0.5e9  # bytes free

# Libraries that Qt's xcb and offscreen platforms load, and the Debian package that has each.
QT_LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}

# Data sets by what lies in the data folder once they are there (torchvision's layout).
DATA_SETS = {
    "mnist": "MNIST/raw/train-images-idx3-ubyte*",
    "fashion-mnist": "FashionMNIST/raw/train-images-idx3-ubyte*",
    "kmnist": "KMNIST/raw/train-images-idx3-ubyte*",
    "cifar10": "cifar-10-batches-py/data_batch_1",
    "celeba": "celeba/img_align_celeba*",
    "lsun": "*_train_lmdb",
}


@dataclass(frozen=True)
class Check:
    """One finding: ok, warn (something is less than it could be) or bad, and the remedy."""

    name: str
    state: State
    says: str
    fix: str = ""


def examine(data_root: Path | None = None, names: Sequence[str] = ()) -> Iterator[Check]:
    """Examine the machine, finding after finding; only `names` of CHECKS where some are given."""
    for name, check in CHECKS.items():
        if not names or name in names:
            yield from check(data_root)


def pip(*words: str) -> str:
    """Return the line that runs this Python's pip, quoted for the shell."""
    return shlex.join([sys.executable, "-m", "pip", *words])


def version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (2, 15, 0) of 2.15.0+cpu."""
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


# --- Python and torch -----------------------------------------------------------------------------


def _python(_data_root: Path | None) -> Iterator[Check]:
    told = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < LEAST_PYTHON:
        yield Check("Python", "bad", told, "install Python 3.11 or newer")
    else:
        yield Check("Python", "ok", told)


# Prints what torch knows, then whether torchvision fits it, so that one child tells both.
_TORCH_PROBE = """
import json, torch
told = {"threads": torch.get_num_threads(), "built_for_cuda": torch.version.cuda,
        "mps": torch.backends.mps.is_available(), "cuda": None}
if torch.cuda.is_available():
    told["cuda"] = [torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory,
                    torch.cuda.is_bf16_supported()]
print(json.dumps(told), flush=True)
import torchvision
"""


def _torch(_data_root: Path | None) -> Iterator[Check]:
    installed, vision = version("torch"), version("torchvision")
    if installed is None or vision is None:
        missing = " and ".join(name for name, there in (("torch", installed),
                                                        ("torchvision", vision)) if not there)
        yield Check("torch", "bad", f"{missing} not installed",
                    pip("install", "--upgrade", "torch", "torchvision"))
        return
    ended = _child(_TORCH_PROBE)
    try:
        told: dict[str, Any] = json.loads(ended.stdout)
    except json.JSONDecodeError:
        yield Check("torch", "bad", f"{installed} cannot be imported: {_last(ended.stderr)}",
                    pip("install", "--upgrade", "--force-reinstall", "torch", "torchvision"))
        return
    if numbers(installed) < LEAST_TORCH:
        yield Check("torch", "warn", f"{installed} is older than 2.11, the oldest that is tested",
                    pip("install", "--upgrade", "torch", "torchvision"))
    else:
        yield Check("torch", "ok", installed)
    yield _torchvision(ended, installed, vision)
    yield _gpu(told, installed)
    flags = fast_bfloat16()
    yield Check("processor", "ok", f"{told['threads']} threads, bfloat16 " + (
        f"is fast here ({flags})" if flags else "is not fast here, float32 is used"))


def _torchvision(ended: subprocess.CompletedProcess[str], torch: str, vision: str) -> Check:
    if ended.returncode == 0:
        return Check("torchvision", "ok", f"{vision}, matches torch")
    why = f"cannot be imported: {_last(ended.stderr)}"
    if "torchvision::nms does not exist" in ended.stderr:
        why = f"was built for another torch than {torch} (operator torchvision::nms does not exist)"
    return Check("torchvision", "bad", f"{vision} {why}", mend_pair(torch))


def mend_pair(torch: str) -> str:
    """Return the line that makes torchvision fit torch, both from the registry.

    A build such as 2.13.0+cpu from elsewhere counts as newer than the registry's own 2.13.0;
    only `===` asks for that one, and torchvision then follows it.
    """
    public, local, _ = torch.partition("+")
    if local:
        return pip("install", "--upgrade", f"torch==={public}", "torchvision")
    return pip("install", "--upgrade", "--force-reinstall", "torch", "torchvision")


def _gpu(told: dict[str, Any], torch: str) -> Check:
    if told["cuda"]:
        name, memory, bfloat16 = told["cuda"]
        return Check("GPU", "ok", f"{name}, {memory / 1e9:.0f} GB, "
                     + ("bfloat16" if bfloat16 else "no bfloat16"))
    if told["mps"]:
        return Check("GPU", "ok", "Apple's, by Metal")
    if not (shutil.which("nvidia-smi") and _works(["nvidia-smi", "-L"])):
        return Check("GPU", "ok", "none; the processor does the work")
    if told["built_for_cuda"]:
        return Check("GPU", "warn", "there is one, but torch cannot use its driver",
                     f"update the NVIDIA driver to one for CUDA {told['built_for_cuda']}")
    return Check("GPU", "warn", "there is one, but torch was built without CUDA", mend_pair(torch))


def fast_bfloat16() -> str:
    """Return the processor's flags that make bfloat16 fast, or "" (Linux only)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    line = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
    return ", ".join(flag for flag in ("amx_bf16", "avx512_bf16", "bf16") if flag in line.split())


# --- the window -----------------------------------------------------------------------------------

_QT_PROBE = """
import sys
from PySide6.QtGui import QGuiApplication
from PySide6 import QtWidgets
app = QGuiApplication(sys.argv)
print(app.platformName())
"""


def is_bad_pyside(text: str, python: tuple[int, ...] = sys.version_info[:2]) -> bool:
    """Tell whether this PySide6 is known to crash or hang under this Python."""
    return numbers(text) in ((6, 9, 1), (6, 11, 0), (6, 11, 1)) or (
        numbers(text) >= (6, 12) and python < (3, 12))


def _window(_data_root: Path | None) -> Iterator[Check]:
    installed = version("PySide6-Essentials") or version("PySide6")
    upper = ",<6.12" if sys.version_info < (3, 12) else ""
    wanted = f"PySide6-Essentials>=6.8,!=6.9.1,!=6.11.0,!=6.11.1{upper}"
    if installed is None:
        yield Check("PySide6", "warn", "not installed: the command line works, the window does not",
                    pip("install", wanted, "pyqtgraph>=0.14"))
        return
    if is_bad_pyside(installed):
        yield Check("PySide6", "bad", f"{installed} is known to crash under Python "
                    f"{platform.python_version()}", pip("install", wanted))
        return
    yield Check("PySide6", "ok", installed)
    packages = missing_libraries()
    ended = _child(_QT_PROBE, QT_QPA_PLATFORM="offscreen")
    if packages or ended.returncode:
        yield Check("Qt libraries", "bad", "missing: " + ", ".join(packages) if packages else
                    f"Qt does not start: {_last(ended.stderr)}", install_line(packages))
        return
    yield Check("Qt libraries", "ok", "all there")
    yield _display()


def missing_libraries() -> list[str]:
    """Return the Debian packages of the libraries that Qt would not find ([] except on Linux)."""
    if not sys.platform.startswith("linux"):
        return []
    missing = []
    for library, package in QT_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return missing


def install_line(packages: Sequence[str]) -> str:
    """Return the line that installs system packages, for Debian and its kin."""
    if not packages:
        return "run `hybridstudio doctor --verbose` and look Qt's message up"
    sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    line = f"{sudo}apt-get install -y {' '.join(packages)}"
    return line if shutil.which("apt-get") else f"install what Debian calls {' '.join(packages)}"


def _display() -> Check:
    if not sys.platform.startswith("linux"):
        return Check("display", "ok", "the system's own")
    named = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if not named:
        return Check("display", "warn", "none: DISPLAY and WAYLAND_DISPLAY are not set",
                     "the command line works as it is (`hybridstudio --help`); the window needs "
                     "a desktop, `ssh -X`, or `xvfb-run`")
    if _child(_QT_PROBE, QT_QPA_PLATFORM="").returncode:
        return Check("display", "warn", f"{named} cannot be reached",
                     "check DISPLAY and xauth; the command line works as it is")
    return Check("display", "ok", named)


# --- folders --------------------------------------------------------------------------------------


def _folders(data_root: Path | None) -> Iterator[Check]:
    yield _folder("runs", paths.runs(), "HYBRIDSTUDIO_RUNS")
    yield _folder("cache", paths.cache(), "HYBRIDSTUDIO_CACHE")
    yield _folder("settings", paths.settings(), "HYBRIDSTUDIO_SETTINGS")
    root = paths.data_root(data_root)
    found = [name for name, pattern in DATA_SETS.items() if any(root.glob(pattern))]
    yield Check("data", "ok", f"{', '.join(found)} in {root}" if found else
                f"none in {root} yet; digits and shapes come with the program, others are "
                "downloaded when first used")
    models = sorted(path.parent.name for path in paths.checkpoints().glob("*/run.toml"))
    yield Check("models", "ok" if models else "warn",
                f"{', '.join(models)} ready to use" if models else
                f"none in {paths.checkpoints()}", "" if models else "reinstall HybridStudio")


def _folder(name: str, folder: Path, variable: str) -> Check:
    """Check that a folder, or the nearest one above that exists, can be written and has room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    fix = f"set {variable} to a folder that you may write to"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Check(name, "bad", f"{folder} cannot be written: {error.strerror or error}", fix)
    told = f"{folder}, {free / 1e9:.1f} GB free"
    if free < LITTLE_DISK:
        return Check(name, "bad" if free < LEAST_DISK else "warn", told,
                     f"free some space, or set {variable} to a folder on another disk")
    if Path(tempfile.gettempdir()) in folder.parents and variable not in os.environ:
        return Check(name, "warn", f"{folder}, which does not last", fix)
    return Check(name, "ok", told)


# --- children -------------------------------------------------------------------------------------


def _child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own; an empty variable is removed."""
    around = {key: value for key, value in {**os.environ, **environment}.items() if value}
    return _ended([sys.executable, "-c", code], PATIENCE, env=around)


def _works(words: Sequence[str]) -> bool:
    try:
        return _ended(words, 20).returncode == 0
    except OSError:
        return False


_children: set[subprocess.Popen[str]] = set()  # waited for now


def _ended(words: Sequence[str], patience: float,
           **options: Any) -> subprocess.CompletedProcess[str]:
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", **options) as child:
        _children.add(child)
        try:
            out, told = child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            child.kill()
            return subprocess.CompletedProcess(words, 124, "", f"no answer within {patience} s")
        finally:
            _children.discard(child)
    return subprocess.CompletedProcess(words, child.returncode, out, told)


def give_up() -> None:
    """Kill the child that an examination in another thread waits for: it goes on without."""
    for child in list(_children):
        child.kill()


def _last(text: str) -> str:
    """Return the last line that says something; a traceback's own message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


CHECKS: dict[str, Callable[[Path | None], Iterator[Check]]] = {
    "python": _python,
    "torch": _torch,
    "window": _window,
    "folders": _folders,
}


if __name__ == "__main__":
    findings = list(examine(names=sys.argv[1:]))
    for finding in findings:
        print(f"{finding.state:4} {finding.name}: {finding.says}"
              + (f"\n     {finding.fix}" if finding.fix else ""))
    sys.exit(any(finding.state == "bad" for finding in findings))
