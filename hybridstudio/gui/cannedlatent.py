"""Pictures of codes without an engine, for the latent page alone and for its tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hybridstudio.gui.canned import as_images, pictures
from hybridstudio.messages import (
    Codes,
    Decode,
    Decoded,
    Directed,
    Directions,
    Done,
    Encode,
    Encoded,
    Event,
    Images,
    Neighboured,
    Neighbours,
    Progress,
    Started,
)

SIDE = 8


def drawn(codes: Codes) -> Images:
    """Return pictures (N, 8, 8, 1) in which the first dimensions of a code mix the digits."""
    digits = pictures(10).astype(np.float64) / 127.5 - 1.0
    shares = np.exp(codes[:, :10].astype(np.float64))
    shares = np.pad(shares, ((0, 0), (0, 10 - shares.shape[1])))
    mixed = np.einsum("nk,khwc->nhwc", shares / shares.sum(1, keepdims=True), digits)
    return as_images(np.clip(2.0 * mixed + 0.6, -1.0, 1.0))


def answers(request: object) -> Iterator[Event]:
    """Tell what an engine would of a request for a latent space."""
    match request:
        case Decode():
            yield Started("Drawing")
            yield Decoded(drawn(request.codes), False, 0.01, request.nfe or 1)
            yield Done("finished")
        case Encode():
            codes = np.full((1, 16), 0.5, np.float32)
            yield Progress(1, 2)
            yield Decoded(drawn(0 * codes), True)
            yield Encoded(codes, drawn(codes), (0.25,))
            yield Done("finished")
        case Directions():
            yield Directed(np.eye(3, 16, dtype=np.float32), (3.0, 2.0, 1.0), request.kind)
            yield Done("finished")
        case Neighbours():
            digits = pictures(10)[:request.count]
            count = len(digits)
            yield Progress(5, 10, "training pictures")
            yield Neighboured(digits[None], (tuple(0.1 + 0.05 * place for place in range(count)),),
                              (tuple(range(count)),), (tuple(range(count)),), (False,), 10)
            yield Done("finished")
