"""The machine a run works on: device, precision, random streams, memory."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from collections.abc import Iterator, Mapping

import psutil
import torch
from torch import Tensor

from hybridstudio.config import TrainConfig
from hybridstudio.errors import UsageError
from hybridstudio.messages import Device

_PROCESS = psutil.Process()


def device(asked: Device) -> torch.device:
    """Return the device asked for, or with `auto` the best there is; UsageError if it is absent."""
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if asked == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if (asked == "cuda" and not cuda) or (asked == "mps" and not mps):
        raise UsageError(f"There is no {asked} device on this machine",
                         fix="use --device auto or --device cpu")
    return torch.device(asked)


@functools.cache
def has_fast_bfloat16(kind: str) -> bool:
    """Whether bfloat16 pays on this kind of device: AVX512-BF16 or AMX on a CPU, Ampere on CUDA."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def precision(train: TrainConfig, on: torch.device) -> torch.dtype:
    """Return the arithmetic of the networks: the config's, or with `auto` what is fast here."""
    if train.precision == "auto":
        return torch.bfloat16 if has_fast_bfloat16(on.type) else torch.float32
    return torch.bfloat16 if train.precision == "bfloat16" else torch.float32


@contextlib.contextmanager
def arithmetic(on: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Run the networks inside this block in `dtype`; never spans a yield of a generator."""
    if dtype == torch.float32:
        yield
    else:
        with torch.autocast(on.type, dtype=dtype):
            yield


class Streams:
    """The random streams of a run, each with its own saved generator.

    The global generator is shared by threads, so nothing of a run draws from it. Streams are named
    (`data`, `noise`, `augment`, `dropout`, ...) and begin from the run's seed and their name.
    """

    def __init__(self, seed: int, on: torch.device) -> None:
        self.seed, self.on = seed, on
        self._streams: dict[str, torch.Generator] = {}

    def __getitem__(self, name: str) -> torch.Generator:
        """Return the stream `name`, begun from the seed the first time it is asked for."""
        if name not in self._streams:
            # Data order lives on the CPU whatever the device, so that runs see the same batches.
            on = torch.device("cpu") if name in ("data", "init") else self.on
            number = sum(ord(letter) * 257**place for place, letter in enumerate(name))
            self._streams[name] = torch.Generator(on).manual_seed(
                (self.seed * 1_000_003 + number) % 2**63)
        return self._streams[name]

    def state(self) -> dict[str, Tensor]:
        """Return the state of every stream, as uint8 tensors on the CPU."""
        return {name: stream.get_state().clone() for name, stream in self._streams.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Set streams to saved states; a state from another kind of device begins anew."""
        for name, saved in state.items():
            with contextlib.suppress(RuntimeError):  # a CUDA state does not fit a CPU generator
                self[name].set_state(saved)


def memory(on: torch.device) -> int:
    """Return the bytes in use: of the GPU for CUDA, of this process otherwise."""
    if on.type == "cuda":
        return torch.cuda.memory_reserved(on)
    return _PROCESS.memory_info().rss


def describe(on: torch.device, dtype: torch.dtype) -> str:
    """Name device, threads and precision in a few words, as the status bar shows them."""
    short = "bf16" if dtype == torch.bfloat16 else "fp32"
    if on.type == "cuda":
        return f"{torch.cuda.get_device_name(on)}, {short}"
    threads = torch.get_num_threads()
    return f"{on.type}, {threads} thread{'s' if threads != 1 else ''}, {short}"


def machine(on: torch.device) -> dict[str, object]:
    """Describe the machine for a run's card and for every score."""
    return {
        "processor": platform.processor() or platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count() or 1,
        "device": torch.cuda.get_device_name(on) if on.type == "cuda" else on.type,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
