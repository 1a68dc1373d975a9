"""One colour for each run, the same on every page for as long as the window is open."""

from __future__ import annotations

from pathlib import Path

from hybridstudio.gui import theme

_places: dict[str, int] = {}


def place_of(run: Path | str) -> int:
    """Return a run's place in the palette's series: the next free one the first time."""
    return _places.setdefault(str(run), len(_places))


def colour_of(run: Path | str) -> str:
    """Return a run's colour now, as #rrggbb; after all were given they begin again."""
    series = theme.palette().series
    return series[place_of(run) % len(series)]
