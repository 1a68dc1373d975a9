"""Run one measurement: `python -m hybridstudio.bench NAME [--json]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from hybridstudio.bench import fewstep, latentdrag, launch, quality, scrub, stall, training
from hybridstudio.cli.screen import Screen
from hybridstudio.engine import runtime
from hybridstudio.errors import UsageError, translate

BENCHES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "ui-stall": stall.measure,
    "scrub": scrub.measure,
    "latent-drag": latentdrag.measure,
    "launch": launch.measure,
    "train-overhead": training.measure,
    "time-to-quality": quality.measure,
    "few-step": fewstep.measure,
}


class Parser(argparse.ArgumentParser):
    """Reads the words, and raises UsageError instead of leaving the program."""

    def error(self, message: str) -> NoReturn:
        """Refuse words that mean nothing here."""
        raise UsageError(message[:1].upper() + message[1:],
                         fix="`hybridstudio bench NAME --help` shows what it takes")


def main() -> int:
    """Measure what was asked, tell the figures, and return the exit code."""
    parser = Parser(
        prog="hybridstudio bench", description="Measure on this machine.",
        epilog="; ".join(f"{name}: {said(work)}" for name, work in BENCHES.items()))
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--seconds", type=float, help="how long to measure")
    parser.add_argument("--preset", help="the preset that trains meanwhile")
    parser.add_argument("--data-root", help="where data sets lie")
    parser.add_argument("--peer", choices=("none", "diffusers"), default="none",
                        help="time-to-quality: train this beside ours for the same time")
    parser.add_argument("--runs", help="few-step, latent-drag: runs or ready models, with commas "
                        "between")
    parser.add_argument("--count", type=int,
                        help="few-step: pictures that are scored; latent-drag: moves")
    parser.add_argument("--slow", action="store_true",
                        help="few-step: score what takes hundreds of evaluations too")
    screen = Screen.of(sys.argv[1:])
    try:
        asked = parser.parse_args()
        figures = BENCHES[asked.name](asked)
    except Exception as error:
        told = translate(error)
        screen.error(told)
        return told.exit_code
    figures["machine"] = runtime.machine(torch.device("cpu"))
    screen.result(figures)
    if not screen.as_json:
        for name, value in figures.items():
            print(f"{name:24} {value:.4g}" if isinstance(value, float) else f"{name:24} {value}")
    return 0


def said(work: Callable[..., Any]) -> str:
    """Return the first sentence of what a measurement's docstring says."""
    return (work.__doc__ or "").strip().partition(".")[0]


if __name__ == "__main__":
    sys.exit(main())
