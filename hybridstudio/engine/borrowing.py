"""Models that begin with networks of other runs: their settings filled in, their weights copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from hybridstudio import runs
from hybridstudio.config import DataConfig, RunConfig, parse
from hybridstudio.config.models.base import ModelSection
from hybridstudio.engine.draw import model
from hybridstudio.errors import ConfigError, Problem, StudioError
from hybridstudio.families import Family

ALIKE = ("name", "size", "channels", "classes")  # what data must have in common


def filled(config: RunConfig) -> RunConfig:
    """Return a config, its data known, with the settings of the networks that it borrows.

    Raises ConfigError with every reason why a run's networks cannot be taken.
    """
    problems: list[Problem] = []
    changes: dict[str, Any] = {}
    for part, name in config.model.borrows().items():
        field = f"model.{part}_from"
        try:
            path = runs.find(name)
            lender = runs.read(path)
        except StudioError as error:
            problems.append(Problem(field, f"{error.what}: {error.why}".rstrip(": "), error.fix))
            continue
        wanted = type(getattr(config.model, part))
        taken = _within(lender.config.model, wanted)
        if taken is None:
            problems.append(Problem(field, f"{name} is a {lender.config.model.family}, not a "
                                    f"{wanted.model_fields['family'].default}"))
            continue
        if not lender.checkpoints:
            problems.append(Problem(field, f"{name} has no checkpoint yet", "let it train first"))
        problems += [Problem(field, told) for told in _differences(lender.config.data, config.data)]
        changes[part] = getattr(lender.config.model, taken) if taken else lender.config.model
        if not lender.shipped:  # found again from wherever the run is resumed
            changes[f"{part}_from"] = str(path.resolve())
    if problems:
        raise ConfigError(problems)
    if not changes:
        return config
    changed = config.model_copy(update={"model": config.model.model_copy(update=changes)})
    return parse(changed.model_dump())


def _within(model: ModelSection, wanted: type[ModelSection]) -> str | None:
    """Return the part of a model that is of a kind, "" for the whole; None where there is none."""
    if isinstance(model, wanted):
        return ""
    return next((part for part in model.lends if isinstance(getattr(model, part), wanted)), None)


def _differences(theirs: DataConfig, ours: DataConfig) -> Iterator[str]:
    """Tell in what the data of a lender are not the data of the borrower."""
    for name in ALIKE:
        if getattr(theirs, name) != getattr(ours, name):
            yield (f"was trained on other data: data.{name} is {getattr(theirs, name)!r} there, "
                   f"{getattr(ours, name)!r} here")


def lender(config: RunConfig, on: torch.device) -> Callable[[Family], None]:
    """Return what copies the averaged weights of the runs that a config names into a family."""
    return lambda family: _lend(config, family, on)


def _lend(config: RunConfig, family: Family, on: torch.device) -> None:
    for part, name in config.model.borrows().items():
        asked = model(runs.read(runs.find(name)), "ema", None, on)
        try:
            while True:
                next(asked)
        except StopIteration as found:
            lends: Family = found.value
        borrower = family.get_submodule(part)
        assert isinstance(borrower, Family)
        whole = lends if type(lends) is type(borrower) else next(
            found for found in lends.children() if type(found) is type(borrower))
        for network in borrower.drawn:
            borrower.get_submodule(network).load_state_dict(
                whole.get_submodule(network).state_dict())
    family.lent()
