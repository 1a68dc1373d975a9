"""Models that begin with networks of other runs: their settings filled in, their weights copied."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from hybridstudio import runs
from hybridstudio.config import DataConfig, RunConfig, parse
from hybridstudio.engine.draw import model
from hybridstudio.errors import ConfigError, Problem, StudioError
from hybridstudio.families import Family

ALIKE = ("name", "size", "channels", "classes")  # what data must have in common


def filled(config: RunConfig) -> RunConfig:
    """Return a config, its data known, with the settings of the networks that it borrows.

    Raises ConfigError with every reason why a run's networks cannot be taken.
    """
    problems: list[Problem] = []
    sections = {}
    for part, name in config.model.borrows().items():
        field = f"model.{part}_from"
        try:
            lender = runs.read(runs.find(name))
        except StudioError as error:
            problems.append(Problem(field, f"{error.what}: {error.why}".rstrip(": "), error.fix))
            continue
        wanted = type(getattr(config.model, part))
        if not isinstance(lender.config.model, wanted):
            problems.append(Problem(field, f"{name} is a {lender.config.model.family}, not a "
                                    f"{wanted.model_fields['family'].default}"))
            continue
        if not lender.checkpoints:
            problems.append(Problem(field, f"{name} has no checkpoint yet", "let it train first"))
        problems += [Problem(field, told) for told in _differences(lender.config.data, config.data)]
        sections[part] = lender.config.model
    if problems:
        raise ConfigError(problems)
    if not sections:
        return config
    changed = config.model_copy(update={"model": config.model.model_copy(update=sections)})
    return parse(changed.model_dump())


def _differences(theirs: DataConfig, ours: DataConfig) -> Iterator[str]:
    """Tell in what the data of a lender are not the data of the borrower."""
    for name in ALIKE:
        if getattr(theirs, name) != getattr(ours, name):
            yield (f"was trained on other data: data.{name} is {getattr(theirs, name)!r} there, "
                   f"{getattr(ours, name)!r} here")


def lend(config: RunConfig, family: Family, on: torch.device) -> None:
    """Copy the averaged weights of the runs that a config names into the networks that borrow."""
    for part, name in config.model.borrows().items():
        asked = model(runs.read(runs.find(name)), "ema", None, on)
        try:
            while True:
                next(asked)
        except StopIteration as found:
            lender: Family = found.value
        borrower = family.get_submodule(part)
        for network in lender.drawn:
            borrower.get_submodule(network).load_state_dict(
                lender.get_submodule(network).state_dict())
