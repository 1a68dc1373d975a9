"""Training variants one after the other: what is done is skipped, what fails stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hybridstudio import runs
from hybridstudio.cli import watch
from hybridstudio.cli.screen import Screen
from hybridstudio.errors import translate
from hybridstudio.messages import Device, Resume, Train
from hybridstudio.variants import Variant, is_done


def train_all(variants: Sequence[Variant], out: Path, screen: Screen, budget: float | None,
              device: Device, data_root: Path | None) -> int:
    """Train each variant into its folder below `out`; returns the exit code of the whole.

    Raises UsageError before anything begins where a folder holds another run.
    """
    done = {variant.name: is_done(out / variant.name, variant.config, budget)
            for variant in variants}
    told: list[dict[str, Any]] = []
    code = 0
    for place, variant in enumerate(variants, start=1):
        folder = out / variant.name
        entry: dict[str, Any] = {"name": variant.name, "run": str(folder),
                                 "changes": dict(variant.changes)}
        told.append(entry)
        screen.say(f"{place} of {len(variants)}: {variant.name}", "bold")
        if done[variant.name]:
            screen.say("  it is done already", "dim")
            entry["outcome"] = "done before"
            continue
        request: Train | Resume = Train(variant.config, folder, None, budget, device, data_root)
        if (folder / "run.toml").exists() and runs.checkpoint_steps(folder):
            request = Resume(folder, None, budget, device, data_root)
        elif (folder / "run.toml").exists() and runs.holder(folder) is None:
            (folder / "run.toml").unlink()  # made, but nothing of it was ever saved
        try:
            watched = watch.run(request, screen)
        except Exception as error:  # one that fails stops no other
            failure = translate(error)
            screen.notice(f"{variant.name} failed: {failure.what}", failure.why, failure.fix,
                          "error")
            entry |= {"outcome": "failed", "error": failure.what, "why": failure.why}
            code = 1
            continue
        if watched.done is None:
            entry["outcome"] = "cancelled"
            code = watched.code
            break
        entry |= {**watched.done.result, "outcome": watched.done.outcome}
    _close(told, len(variants), out, screen)
    screen.result({"variants": told, "out": str(out)})
    return code


def _close(told: Sequence[dict[str, Any]], count: int, out: Path, screen: Screen) -> None:
    """Tell how many trained, and how to look at them beside each other."""
    trained = [entry for entry in told if entry["outcome"] in ("finished", "budget", "done before")]
    failed = sum(entry["outcome"] == "failed" for entry in told)
    words = f"{len(trained)} of {count} variants are trained"
    screen.say(words + (f", {failed} failed" if failed else ""), "bold")
    if len(trained) > 1:
        names = " ".join(entry["run"] for entry in trained)
        screen.say(f"Compare them: hybridstudio compare {names} --out {out / 'report.html'}")
