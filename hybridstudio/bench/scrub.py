"""How long a slider move takes to show its frame."""

from __future__ import annotations

import argparse
from typing import Any


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from a slider move to the painted frame: 64 pictures of 32×32, three rows."""
    from hybridstudio.gui.panels import denoise

    return denoise.bench()
