"""A comparison as one HTML page: no network, no script, light or dark after the reader's system."""

from __future__ import annotations

import base64
import datetime
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

import hybridstudio
from hybridstudio import pictures
from hybridstudio.commands import as_command
from hybridstudio.comparison import svg
from hybridstudio.comparison.curves import overlays
from hybridstudio.comparison.differences import MISSING, differences
from hybridstudio.comparison.facts import facts, notes
from hybridstudio.comparison.page import PAGE, STYLE
from hybridstudio.comparison.reading import Comparison, Subject
from hybridstudio.comparison.scoring import SAYS, ScoreTable, score_table
from hybridstudio.messages import Images, Notice, Score, Sheet, Sheets, Train
from hybridstudio.telling import number

SHOWN = 256  # pixels of a sheet's side at least, enlarged by a whole number
MOST_PLOTS = 12


def report(comparison: Comparison, sheets: Mapping[Path, Sheet] | None = None,
           asked: Sheets | None = None, notices: Sequence[Notice] = (), command: str = "",
           data_root: Path | None = None) -> str:
    """Return the whole page; `sheets` are what runs drew, `asked` how, `notices` what was told.

    `command` is the command line that makes this page; those that train and score name the folder
    of data sets where it is given.
    """
    subjects = comparison.subjects
    table = score_table(subjects)
    sections = [
        ("Runs", _facts(subjects)),
        ("Settings that differ", _differences(subjects)),
        ("Scores", _scores(subjects, table)),
        ("Curves", _curves(subjects)),
        ("The same seeds", _sheets(subjects, sheets or {}, asked)),
        ("What to mind", _notes(subjects, table, notices)),
        ("Commands", _commands(subjects, command, data_root)),
    ]
    body = "".join(f"<section><h2>{escape(title)}</h2>{told}</section>"
                   for title, told in sections if told)
    when = datetime.datetime.now().astimezone()
    title = " · ".join(subject.name for subject in subjects)
    colours = (_colours(svg.LIGHT), _colours(svg.DARK))
    return PAGE.substitute(
        title=escape(title), style=STYLE.substitute(light=colours[0], dark=colours[1]),
        legend=_legend(subjects), body=body,
        foot=escape(f"HybridStudio {hybridstudio.__version__} · {when:%d %B %Y, %H:%M}"))


def write_report(path: Path, page: str, overwrite: bool = False,
                 check: Callable[[], None] = lambda: None) -> None:
    """Write a page whole or not at all; raises UsageError where the file exists, or OSError."""
    with pictures.complete(path, overwrite) as file:
        file.write(page.encode())
        check()


# --- parts ----------------------------------------------------------------------------------------


def _colours(inks: Sequence[str]) -> str:
    rules = [f".s{place}{{stroke:{ink}}}.f{place}{{fill:{ink}}}.d{place}{{background:{ink}}}"
             for place, ink in enumerate(inks)]
    return "".join(rules)


def _name(subject: Subject) -> str:
    return (f'<span class="dot d{subject.colour}"></span>'
            f"<span>{escape(subject.name)}</span>")


def _legend(subjects: Sequence[Subject]) -> str:
    return "".join(f'<li title="{escape(str(subject.path))}">{_name(subject)}'
                   f"<small>{escape(subject.config.says if subject.is_sound else 'broken')}"
                   "</small></li>" for subject in subjects)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Lay cells of HTML out in a table; the first of each row names it."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heads)
    body = "".join(f'<tr><th scope="row">{cells[0]}</th>'
                   + "".join(f"<td>{cell}</td>" for cell in cells[1:]) + "</tr>"
                   for cells in rows)
    return (f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _facts(subjects: Sequence[Subject]) -> str:
    rows = [[f'<span title="{escape(fact.says)}">{escape(fact.name)}</span>',
             *map(escape, fact.values)] for fact in facts(subjects)]
    return _table(["", *map(_name, subjects)], rows)


def _differences(subjects: Sequence[Subject]) -> str:
    sound = [subject for subject in subjects if subject.is_sound]
    found = differences(sound)
    if len(sound) < 2:
        return ""
    if not found:
        return "<p>None: these runs were set up alike.</p>"
    rows = []
    for one in found:
        unit = f" <small>{escape(one.unit)}</small>" if one.unit else ""
        cells = [f'<span class="missing">{MISSING}</span>' if text is None else
                 f'<span class="usual">{escape(text)}</span>' if usual else escape(text)
                 for text, usual in zip(one.values, one.is_default, strict=True)]
        rows.append([f'<code title="{escape(one.says)}">{escape(one.path)}</code>{unit}', *cells,
                     f'<span class="usual">{escape(one.default)}</span>'])
    told = (f"<p>{len(found)} settings; the others are the same. Faint values are the family's "
            f"default, {MISSING} means that a family has no such setting.</p>")
    return told + _table(["", *map(_name, sound), "default"], rows)


def _scores(subjects: Sequence[Subject], table: ScoreTable) -> str:
    if not table.rows:
        return "<p>None of these runs has been scored yet.</p>"
    rows = []
    for name, figures in table.rows.items():
        cells = []
        for place, figure in enumerate(figures):
            if figure is None:
                cells.append(f'<span class="missing">{MISSING}</span>')
                continue
            told = escape(figure.text)
            told = f"<strong>{told}</strong>" if place in table.best[name] else told
            if not figure.is_fair:
                told = f'<span class="unfair">{told} *</span>'
            if figure.interval:
                told += f"<small>{escape(figure.interval)}</small>"
            cells.append(told)
        anchors = [f"{word} {number(value)}" for word, part in (("real", "floor"),
                   ("noise", "ceiling")) if (value := _shared(figures, part)) is not None]
        rows.append([f'<span title="{escape(SAYS.get(name, ""))}">{escape(table.title(name))}'
                     "</span>", *cells, escape(", ".join(anchors))])
    ways = [f"<li>{_name(subject)} {escape(label or 'not scored')}"
            + (f" <em>* not comparable: {escape(reason)}</em>" if label and reason else "")
            + "</li>" for subject, label, reason
            in zip(subjects, table.labels, table.reasons, strict=True)]
    plots = "".join(
        f"<figure><figcaption>{escape(table.title(name))}</figcaption>"
        + svg.bars(table.title(name), [one.name for one in subjects], figures, table.best[name],
                   [one.colour for one in subjects])
        + "</figure>" for name, figures in table.rows.items())
    return ("<p>Below each value: where 95 of 100 repetitions would lie. In bold the best, and "
            "all whose interval meets its.</p>"
            + _table(["", *map(_name, subjects), "anchors"], rows, "scores")
            + f'<ul class="labels">{"".join(ways)}</ul><div class="plots">{plots}</div>')


def _shared(figures: Sequence[svg.Figure | None], part: str) -> float | None:
    """Return the floor or ceiling that all comparable figures of a row have in common."""
    found = {getattr(figure, part) for figure in figures
             if figure is not None and figure.is_fair} - {None}
    return found.pop() if len(found) == 1 else None


def _curves(subjects: Sequence[Subject]) -> str:
    found = overlays(subjects)
    if not found:
        return "<p>No curves were recorded.</p>"
    plots = []
    for overlay in found[:MOST_PLOTS]:
        log = " <small>logarithmic</small>" if overlay.log else ""
        of = "" if len(overlay.lines) == len(subjects) else "".join(
            f'<span class="dot d{subject.colour}"></span>' for subject, _ in overlay.lines)
        plots.append(f"<figure><figcaption>{escape(overlay.title)}{log} {of}</figcaption>"
                     f'<div class="by-steps">{svg.curves(overlay)}</div>'
                     f'<div class="by-time">{svg.curves(overlay, "time")}</div></figure>')
    more = len(found) - MOST_PLOTS
    rest = f"<p>{more} more are in the runs' metrics.jsonl.</p>" if more > 0 else ""
    return ('<input type="radio" name="against" id="by-steps" checked>'
            '<label for="by-steps">against steps</label>'
            '<input type="radio" name="against" id="by-time">'
            '<label for="by-time">against time of training</label>'
            f'<div class="plots">{"".join(plots)}</div>{rest}')


def _sheets(subjects: Sequence[Subject], sheets: Mapping[Path, Sheet],
            asked: Sheets | None) -> str:
    if not sheets:
        return ""
    cells = []
    for subject in subjects:
        if (sheet := sheets.get(subject.path)) is None:
            cells.append(f"<figure><figcaption>{_name(subject)}</figcaption>"
                         '<p class="missing">nothing was drawn</p></figure>')
            continue
        source, side = _picture(sheet.images)
        nfe = "1 evaluation" if sheet.nfe == 1 else f"{sheet.nfe:,} evaluations"
        cells.append(
            f"<figure><figcaption>{_name(subject)}</figcaption>"
            f'<img src="{source}" width="{side}" alt="What {escape(subject.name)} drew">'
            f"<p>{nfe}, {number(sheet.ms_per_image)} ms each here</p></figure>")
    seed = f"<p>From seed {asked.seed:,}, each run with its own sampler.</p>" if asked else ""
    return f'{seed}<div class="sheets">{"".join(cells)}</div>'


def _picture(images: Images) -> tuple[str, int]:
    """Return pictures as a data URI of their sheet, and the width in which it is shown."""
    page = images[0] if len(images) == 1 and images.shape[-1] == 3 else pictures.sheet(images)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(page)).save(buffer, "PNG", optimize=True)
    side = page.shape[1]
    return ("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
            side * max(1, -(-SHOWN // side)))


def _notes(subjects: Sequence[Subject], table: ScoreTable, notices: Sequence[Notice]) -> str:
    told = list(notes(subjects))
    told += [f"The scores of {subject.name} cannot be held beside the others': {reason}."
             for subject, label, reason in zip(subjects, table.labels, table.reasons, strict=True)
             if label and reason]
    told += [". ".join(part for part in (notice.what, notice.why) if part) + "."
             for notice in notices]
    return "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in told) + "</ul>" if told else ""


def _commands(subjects: Sequence[Subject], command: str, data_root: Path | None) -> str:
    rows = []
    for subject in subjects:
        if subject.is_sound:
            lines = [line for line in (trains(subject, data_root), scores(subject, data_root))
                     if line]
            rows.append(f"<p>{_name(subject)}</p><pre>{escape(chr(10).join(lines))}</pre>")
    if command:
        rows.append(f"<p>This page</p><pre>{escape(command)}</pre>")
    return "".join(rows)


def trains(subject: Subject, data_root: Path | None = None) -> str:
    """Return the command line that trains a run like this one."""
    told = (subject.run.card or {}).get("command")
    if isinstance(told, str):
        return told
    out = subject.path.with_name(f"{subject.run.name}-again")
    return as_command(Train(subject.run.config, out, data_root=data_root))


def scores(subject: Subject, data_root: Path | None = None) -> str:
    """Return the command line of a run's newest score, or one that takes it."""
    if not subject.config.model.samplers:
        return ""
    told = subject.records[-1].get("command") if subject.records else None
    if isinstance(told, str) and not subject.run.shipped:  # whose record names another folder
        return told
    return as_command(Score(subject.path, data_root=data_root))
