"""Feature networks: what turns pictures into the numbers in which sets of them are compared."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio import paths
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.nets.classifiers import Net, stack

DIGITS = ("mnist", "stacked-mnist", "digits")  # data sets that digits-net was made for
SMALL = 16  # pixels up to which a digit fills its frame
MOST_PIXELS = 1024  # values of a picture that are compared as they are
INCEPTION = "6726825d"  # how the sha256 of the original weights begins

Embedded = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Features:
    """A feature network: its name, what tells its weights apart, and what it makes of pictures.

    `embed` maps float32 (N, C, H, W) in [-1, 1] to features (N, D) and, where it tells `classes`
    apart, their probabilities (N, K). `worth` says what a distance in them is worth where that is
    not much.
    """

    name: str
    sha256: str
    embed: Callable[[Tensor], Embedded]
    classes: tuple[str, ...] = ()
    worth: str = ""

    @property
    def distance(self) -> str:
        """What a Fréchet distance in these features is called: FID with Inception only."""
        return "FID" if self.name == "inception" else "Fréchet distance"

    def label(self, count: int) -> str:
        """Return what every number carries: "digits-net a1b2c3, N = 5,000"."""
        return f"{self.name} {self.sha256[:6]}, N = {count:,}"


def usual(data: str, is_points: bool) -> str:
    """Return the features that a data set is measured with unless others are asked for."""
    if is_points:
        return "points"
    return "digits-net" if data in DIGITS else "pixels"


# --- without a network ----------------------------------------------------------------------------


def pixels(on: torch.device) -> Features:
    """Return the pixels themselves, averaged 2×2 until they are at most 1,024 values."""

    def embed(images: Tensor) -> Embedded:
        while images[0].numel() > MOST_PIXELS and min(images.shape[2:]) > 1:
            images = F.avg_pool2d(images, 2)
        return images.flatten(1), None

    return Features("pixels", _digest(b"pixels 1"), embed, worth=(
        "pixels tell how light and dark are spread, not what is to be seen"))


def points(on: torch.device) -> Features:
    """Return the coordinates of points of the plane."""
    return Features("points", _digest(b"points 1"), lambda images: (images.flatten(1), None))


# --- the bundled classifier of digits -------------------------------------------------------------


class DigitsNet(nn.Module):
    """The classifier of MNIST's digits that comes with the program, and what its card says."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.card: dict[str, Any] = json.loads((folder / "card.json").read_text("utf-8"))
        data = (folder / "weights.safetensors").read_bytes()
        self.sha256 = hashlib.sha256(data).hexdigest()
        if self.sha256 != self.card["sha256"]:
            raise StudioError("The bundled digits-net is damaged",
                              f"{folder} does not hold what its card says",
                              "install HybridStudio again")
        model = self.card["model"]
        self.size = int(self.card["size"])
        self.net: Net = stack(
            model["net"], (1, self.size, self.size), len(self.card["classes"]),
            channels=model["channels"], hidden=model["hidden"], norm=model["norm"],
            patch=model["patch"])
        weights = {name: value.float() if value.is_floating_point() else value
                   for name, value in safetensors.torch.load(data).items()}
        self.net.load_state_dict(weights)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map digits (N, C, H, W), one in each channel, to features (N, C·D), classes (N, 10^C)."""
        count, channels = images.shape[:2]
        digits = self._fitted(images.reshape(count * channels, 1, *images.shape[2:]))
        logits, found = self.net.features(digits)
        features = found.float().reshape(count, -1)
        parts = logits.float().softmax(1).reshape(count, channels, -1)
        probabilities = parts[:, 0]
        for channel in range(1, channels):  # digits of a stack are independent of each other
            probabilities = (probabilities[:, :, None] * parts[:, channel, None]).flatten(1)
        return features, probabilities

    def _fitted(self, digits: Tensor) -> Tensor:
        """Bring digits to 28×28; small ones fill their frame, and MNIST's have a border."""
        if digits.shape[2] > SMALL:
            return resized(digits, self.size)
        # Of several ways this is the one in which `digits` are recognised best: 96 %.
        inner = F.interpolate(digits, (SMALL, SMALL), mode="bicubic", align_corners=False)
        border = (self.size - SMALL) // 2
        return F.pad(inner.clamp(-1.0, 1.0), (border,) * 4, value=-1.0)


def digits_net(on: torch.device) -> Features:
    """Return the bundled classifier of digits; colours are three digits, as in stacked-mnist."""
    net = DigitsNet(paths.resources() / "features" / "digits-net")
    net = net.to(on).to(memory_format=torch.channels_last)

    def embed(images: Tensor) -> Embedded:
        if images.shape[1:] == (2, 1, 1):
            raise UsageError("digits-net looks at pictures, and these are points",
                             fix="use --features points")
        return net(images)

    return Features("digits-net", net.sha256, embed, tuple(net.card["classes"]))


# --- Inception ------------------------------------------------------------------------------------


def inception(on: torch.device, file: str = "") -> Features:
    """Return Inception-v3 with the weights and the resizing of the original FID (Heusel 2017).

    Its weights are `file`, or HYBRIDSTUDIO_INCEPTION, or downloaded once; in each case their sha256
    is checked. Raises StudioError where torch-fidelity or the weights are missing.
    """
    if importlib.util.find_spec("torch_fidelity") is None:
        raise StudioError(
            "Inception features need the package torch-fidelity", "it is not installed",
            "pip install torch-fidelity (or hybridstudio[metrics]), or use --features digits-net "
            "for digits, --features run:PATH for a classifier of your own")
    from torch_fidelity.feature_extractor_inceptionv3 import (
        URL_INCEPTION_V3,
        FeatureExtractorInceptionV3,
    )

    weights = _inception_weights(URL_INCEPTION_V3, file)
    digest = _checked(weights, URL_INCEPTION_V3)
    net = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"],
                                      feature_extractor_weights_path=str(weights)).to(on)

    def embed(images: Tensor) -> Embedded:
        colours = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        found, logits = net((colours + 1.0).mul(127.5).round().clamp(0.0, 255.0).byte())
        return found.float(), logits.float().softmax(1)

    return Features("inception", digest, embed, tuple(map(str, range(1008))))


def _inception_weights(url: str, chosen: str) -> Path:
    """Return the file of the weights: the one that is named, or one downloaded where none is."""
    if chosen := chosen or os.environ.get("HYBRIDSTUDIO_INCEPTION", ""):
        return Path(chosen).expanduser()
    file = paths.cache() / "features" / url.rpartition("/")[2]
    if not file.is_file():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), INCEPTION, progress=False)
        except (OSError, RuntimeError) as error:
            raise StudioError("The Inception weights could not be downloaded", str(error),
                              _elsewhere(url)) from error
    return file


def _checked(file: Path, url: str) -> str:
    """Return the sha256 of the weights; raises StudioError where they are not the original."""
    try:
        digest = _digest(file.read_bytes())
    except OSError as error:
        raise StudioError(f"The Inception weights {file} cannot be read",
                          error.strerror or str(error), _elsewhere(url)) from error
    if not digest.startswith(INCEPTION):
        raise StudioError(f"{file} does not hold the original Inception weights",
                          f"its sha256 begins with {digest[:8]}, not {INCEPTION}",
                          f"remove it; {_elsewhere(url)}")
    try:  # so few digits of a hash can be forged: nothing that runs code is opened
        torch.load(file, map_location="meta", weights_only=True)
    except Exception as error:
        raise StudioError(f"{file} holds more than weights", str(error).partition("\n")[0],
                          f"remove it; {_elsewhere(url)}") from error
    return digest


def _elsewhere(url: str) -> str:
    return (f"get {url} (95 MB) on a machine with a network, and name the file: "
            "--features inception:FILE, or HYBRIDSTUDIO_INCEPTION=FILE")


FEATURES: dict[str, Callable[[torch.device], Features]] = {
    "pixels": pixels,
    "points": points,
    "digits-net": digits_net,
    "inception": inception,
}
"""Feature networks by name. A classifier of the user's is asked for as run:PATH, Inception's
weights in a file as inception:PATH."""


# --- what they share ------------------------------------------------------------------------------


def resized(images: Tensor, size: int) -> Tensor:
    """Bring pictures (N, C, H, W) to size × size."""
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False,
                         antialias=True)


def coloured(images: Tensor, channels: int) -> Tensor:
    """Turn pictures (N, C, H, W) grey (1) or into RGB (3); luma after ITU-R BT.601."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    luma = torch.tensor([0.299, 0.587, 0.114], device=images.device)
    return (images * luma[:, None, None]).sum(1, keepdim=True)


def digest_of(tensors: dict[str, Tensor]) -> str:
    """Return the sha256 (hex) of named weights."""
    return _digest(safetensors.torch.save(
        {name: value.detach().cpu().contiguous() for name, value in tensors.items()}))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
