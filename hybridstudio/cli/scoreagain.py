"""`score --sweep` and `score --repeat`: many ways of scoring a run, and one number once more."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybridstudio import runs
from hybridstudio.cli import watch
from hybridstudio.cli.draw import read_knobs
from hybridstudio.cli.options import step_of
from hybridstudio.cli.scoretold import maybe, show, title_of
from hybridstudio.cli.screen import Screen
from hybridstudio.errors import UsageError
from hybridstudio.messages import Repeat, Score, Sweep
from hybridstudio.telling import duration, number

# What can be swept, and how each value is read; the knobs of the run's model besides.
SWEPT: dict[str, Callable[[str], Any]] = {
    "nfe": int, "sampler": str, "eta": float, "guidance": float, "seed": int, "step": step_of,
    "weights": str, "count": int,
}
TOLD = ("frechet", "coverage", "precision", "modes")  # in the table of a sweep
VERDICTS = {
    "same": "The same to the last digit",
    "within": "Within the interval, though not the same to the last digit",
    "differs": "It came out differently",
}


# --- a sweep --------------------------------------------------------------------------------------


def swept(request: Score, texts: Sequence[str], again: bool, screen: Screen) -> int:
    """Score a run in every combination, and tell them side by side."""
    watched = watch.run(Sweep(combined(request, texts), again), screen)
    if watched.done is None:
        screen.say("Cancelled", "bold")
        screen.result({"outcome": "cancelled"})
        return watched.code
    result = watched.done.result
    if not screen.as_json:
        _table(result, screen)
    screen.result(result)
    return 1 if result["failed"] else 0


def _table(result: Mapping[str, Any], screen: Screen) -> None:
    results = result["results"]
    names = [name for name in TOLD if any(name in told["scores"] for told in results)]
    heads = [title_of(name, results[0]["distance"]) for name in names]
    screen.table(("sampler", "NFE", *heads, "ms per picture", "scored"), [
        [str(told.get("sampler")), str(told.get("nfe")),
         *(_figure(told["scores"].get(name)) for name in names),
         maybe(told.get("ms_per_image")), "before" if told["is_known"] else "now"]
        for told in results])
    screen.say(f"{results[0]['label']}: {result['scored']} scored in "
               f"{duration(result['seconds'])}, {result['known']} known before", "bold")


def combined(request: Score, texts: Sequence[str]) -> tuple[Score, ...]:
    """Return a scoring for every combination of the values in NAME=A,B,C."""
    if not (request.source / "run.toml").is_file():
        raise UsageError(f"{request.source.name} cannot be swept", "its pictures are drawn already",
                         "name a run")
    changes = [_read(text, request) for text in texts]
    return tuple(_changed(request, dict(way)) for way in itertools.product(*changes))


def _read(text: str, request: Score) -> list[tuple[str, Any]]:
    name, equals, listed = (part.strip() for part in text.partition("="))
    values = [value.strip() for value in listed.split(",") if value.strip()]
    if not equals or not values:
        raise UsageError(f"--sweep {text} has no values", fix=f"write it as --sweep {name}=A,B,C")
    try:
        if name in SWEPT:
            return [(name, SWEPT[name](value)) for value in values]
        config = runs.read(request.source).config
        return [(name, read_knobs([f"{name}={value}"], config)) for value in values]
    except ValueError:
        raise UsageError(f"--sweep {text} holds a value that is none of {name}",
                         fix=f"write it as --sweep {name}=4,8") from None
    except UsageError as error:
        raise UsageError(f"--sweep {text} names nothing that can be swept", error.what,
                         f"choose of {', '.join(SWEPT)}, or a knob that `info RUN` lists"
                         ) from None


def _changed(request: Score, way: Mapping[str, Any]) -> Score:
    knobs = dict(request.knobs)
    for value in way.values():
        knobs |= value if isinstance(value, dict) else {}
    plain = {name: value for name, value in way.items() if not isinstance(value, dict)}
    return replace(request, **plain, knobs=knobs)


def _figure(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return ""
    if "value" not in told:
        return f"{told['found']:,} of {told['of']:,}"
    return f"{number(told['value'])} ({number(told['low'])} to {number(told['high'])})"


# --- one number once more -------------------------------------------------------------------------


def repeated(path: Path, number_back: int, data_root: Path | None, screen: Screen) -> int:
    """Do the N-th newest scoring of a run, a folder or a file again, and tell how it compares."""
    is_run = (path / "run.toml").is_file()
    records = runs.scores(path) if is_run else [
        record for record in runs.loose_scores() if record.get("source") == str(path)]
    if number_back > len(records):
        raise UsageError(f"{path.name} has {len(records) or 'no'} scores to repeat",
                         f"number {number_back} is asked for" if records else "",
                         "score it first" if not records else f"ask for 1 to {len(records)}")
    record = records[-number_back]
    if data_root is not None and isinstance(record.get("request"), dict):
        record = {**record, "request": {**record["request"], "data_root": str(data_root)}}
    watched = watch.run(Repeat(path, record), screen, lambda event: show(event, screen))
    if watched.done is None:
        screen.say("Cancelled", "bold")
        screen.result({"outcome": "cancelled"})
        return watched.code
    result = watched.done.result
    told = result["repeat"]
    if not screen.as_json:
        _tell(told, str(result["distance"]), screen)
    screen.result(result)
    return 1 if told["outcome"] == "differs" else 0


def _tell(told: Mapping[str, Any], distance: str, screen: Screen) -> None:
    rows = [[title_of(name, distance), _plain(one["before"]), _plain(one["now"]), one["outcome"]]
            for name, one in told["scores"].items()]
    screen.table(("score", f"before ({told['when']})", "now", ""), rows)
    for one in told["differences"]:
        screen.say(f"other: {one['what']} ({one['before']} before, {one['now']} now)")
    if told["outcome"] != "same" and not told["differences"]:
        screen.say("nothing that a record tells is different in how it was taken")
    screen.say(f"{VERDICTS[told['outcome']]}.", "bold")


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else "–"
