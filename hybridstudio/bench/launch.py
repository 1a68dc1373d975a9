"""How soon the window shows."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

STARTS = 5


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Seconds from starting the program to its visible window, over several warm starts."""
    seconds = [_start() for _ in range(STARTS + 1)][1:]  # the first one warms the disk cache
    return {"visible_s": statistics.median(seconds), "worst_s": max(seconds), "starts": STARTS}


def _start() -> float:
    environment = {**os.environ, "HYBRIDSTUDIO_TIMING": "1"}
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    done = subprocess.run([sys.executable, "-m", "hybridstudio"], env=environment, check=True,
                          capture_output=True, text=True, timeout=120)
    line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    return float(json.loads(line)["visible_s"])
