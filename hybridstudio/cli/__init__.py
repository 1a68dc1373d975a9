"""The command line: a loop over the same engine that the window drives.

Every command takes --json, which ends it with one JSON object on the last line of stdout. Exit
codes: 0 ok, 1 failed, 2 a mistake in what was asked, 130 cancelled (143 by SIGTERM).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

import hybridstudio
from hybridstudio.cli import (
    compare,
    denoise,
    draw,
    latent,
    look,
    nearest,
    options,
    race,
    score,
    steer,
    train,
    trilemma,
)
from hybridstudio.cli.screen import Screen
from hybridstudio.errors import UsageError, translate

app = typer.Typer(
    name="hybridstudio", no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})

# In the order in which --help lists them.
COMMANDS = (train.train, train.resume, steer.pause, steer.step, draw.sample, denoise.denoise,
            race.race, latent.interpolate, latent.encode, latent.directions, nearest.nearest,
            score.score, compare.compare, trilemma.trilemma, look.presets, look.runs, look.info,
            look.doctor, look.bench)
OWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
for command in COMMANDS:
    app.command(context_settings=OWN_OPTIONS if command is look.bench else None)(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(hybridstudio.__version__)
        raise typer.Exit


@app.callback()
def studio(
    runs: Annotated[Path | None, typer.Option(
        metavar="DIR", help="The folder of your runs [HYBRIDSTUDIO_RUNS].")] = None,
    data_root: options.DataRoot = None,
    version: Annotated[bool, typer.Option(
        "--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """See inside generative image models. Without a command the window opens."""
    if runs is not None:
        os.environ["HYBRIDSTUDIO_RUNS"] = str(runs)
    if data_root is not None:
        os.environ["HYBRIDSTUDIO_DATA"] = str(data_root)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors are printed, never raised."""
    words = list(sys.argv[1:] if words is None else words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ε shows a ?
    words = score.numbered(words)
    screen = Screen.of(words)
    try:
        code = app(words, prog_name="hybridstudio", standalone_mode=False, obj=screen)
    except typer.Abort:
        return 130
    except typer.TyperException as error:
        if not words:
            print(error.format_message())  # the help
            return 0
        screen.error(UsageError(error.format_message(), fix=_help_for(words)))
        return error.exit_code
    except Exception as error:
        told = translate(error)
        screen.error(told)
        return told.exit_code
    return code if isinstance(code, int) else 0


def _help_for(words: Sequence[str]) -> str:
    names = {command.__name__ for command in COMMANDS}
    command = next((f" {word}" for word in words if word in names), "")
    return f"`hybridstudio{command} --help` shows what it takes"
