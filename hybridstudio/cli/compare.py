"""`compare`: runs beside each other, as one HTML page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybridstudio import runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.screen import Screen, screen_of
from hybridstudio.commands import as_command
from hybridstudio.comparison import (
    Comparison,
    Reader,
    differences,
    facts,
    notes,
    report,
    score_table,
    write_report,
)
from hybridstudio.errors import UsageError
from hybridstudio.messages import Event, Notice, Sheet, Sheets


def compare(
    context: typer.Context,
    named: Annotated[list[str], typer.Argument(
        metavar="RUN RUN...", help="Folders or names of runs and models that ship, of any "
        "families and data.")],
    out: Annotated[Path, typer.Option(
        metavar="REPORT.html", help="The page to write; it needs no network to be read.")],
    count: Annotated[int, typer.Option(
        min=1, max=400, metavar="N", help="Pictures that each run draws.")] = Sheets.count,
    seed: options.Seed = Sheets.seed,
    no_sheets: Annotated[bool, typer.Option(
        "--no-sheets", help="Draw nothing: settings, curves and scores alone.")] = False,
    weights: options.Weights = "ema",
    device: options.Device = "auto",
    data_root: options.DataRoot = None,
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Compare runs: settings that differ, curves, scores, and what each draws from one seed.

    What is missing or broken in a run is told in the page; the rest of it stands.
    """
    screen, out = screen_of(context), out.expanduser()
    _refuse(out, force)
    folders = tuple(dict.fromkeys(runs.find(name) for name in named))
    found = Reader().read(folders)
    asked = Sheets(folders, count, seed, weights, device)
    sheets: dict[Path, Sheet] = {}
    notices: list[Notice] = []
    drawing = tuple(subject.path for subject in found.subjects if subject.draws)
    if drawing and not no_sheets:
        def see(event: Event) -> None:
            if isinstance(event, Sheet):
                sheets[event.run] = event
            elif isinstance(event, Notice):
                notices.append(event)

        watched = watch.run(Sheets(drawing, count, seed, weights, device), screen, see)
        if watched.done is None:
            screen.say("Cancelled: no page was written", "bold")
            screen.result({"outcome": "cancelled"})
            return watched.code
    command = as_command(asked, out=str(out)) + (" --no-sheets" if no_sheets else "")
    page = report(found, sheets, None if no_sheets else asked, notices, command, data_root)
    write_report(out, page, force)
    _show(found, screen)
    screen.say(f"{len(folders)} run{'s' if len(folders) > 1 else ''} compared → {out}", "bold")
    screen.result({**_told(found), "drawn": [str(path) for path in sheets],
                   "notices": [notice.what for notice in notices], "out": str(out)})
    return 0


def _refuse(out: Path, force: bool) -> None:
    """Refuse before drawing what could not be written after it."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {out} has an unknown ending", "a page is written",
                         "let it end in .html")
    if out.exists() and not force:
        raise UsageError(f"{out} exists already", "it would be overwritten",
                         "choose another --out, or add --force")


def _show(found: Comparison, screen: Screen) -> None:
    """Print the facts and scores as tables, then what keeps them from being compared."""
    if screen.as_json:
        return
    names = [subject.name for subject in found.subjects]
    scores = score_table(found.subjects)
    rows = [[fact.name, *fact.values] for fact in facts(found.subjects)]
    for name, figures in scores.rows.items():
        told = ["" if figure is None else figure.text + ("" if figure.is_fair else " *")
                for figure in figures]
        rows.append([scores.title(name), *told])
    screen.table(("", *names), rows)
    for note in notes(found.subjects):
        screen.notice(note, level="warning")
    for subject, label, reason in zip(found.subjects, scores.labels, scores.reasons, strict=True):
        if label and reason:
            screen.notice(f"* {subject.name}: its scores cannot be held beside the others'",
                          reason, level="warning")


def _told(found: Comparison) -> dict[str, object]:
    """Return what --json tells of a comparison."""
    scores = score_table(found.subjects)
    sound = found.sound
    told = []
    for place, subject in enumerate(found.subjects):
        figures = {name: figures[place] for name, figures in scores.rows.items()}
        told.append({
            "run": str(subject.path), "name": subject.name, "state": subject.run.state,
            "problem": subject.problem, "step": subject.run.step, "seconds": subject.run.seconds,
            "parameters": dict(subject.parameters), "bytes": subject.size,
            "scores": {name: {part: getattr(figure, part) for part in (
                "value", "low", "high", "floor", "ceiling")}
                for name, figure in figures.items() if figure is not None},
            "scored": scores.labels[place], "not_comparable": scores.reasons[place]})
    return {"runs": told, "notes": list(notes(found.subjects)), "differences": {
        one.path: {"unit": one.unit, "default": one.default, "values": dict(zip(
            (str(subject.path) for subject in sound), one.values, strict=True))}
        for one in differences(sound)}}
