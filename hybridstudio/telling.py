"""Times, numbers and amounts as people write them; the same words in the window and the terminal.

Imported as a whole where names would clash: `telling.bytes(n)`.
"""

from __future__ import annotations

import math

_UNITS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def duration(seconds: float) -> str:
    """Tell seconds in the two largest units that matter: 1.5 s, 45 s, 3 min 20 s, 2 h 5 min."""
    if not math.isfinite(seconds):
        return "?"
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    for size, name, below, small in _UNITS:
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def number(value: float) -> str:
    """Tell a number in three figures, or whole from a thousand on: 20,000, 0.0312, 3.2e-6."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == 0 or 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def bytes(count: float) -> str:
    """Tell an amount of memory in decimal units: 812 B, 12.3 MB, 640 MB, 1.2 GB."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:,.1f} {unit}" if count < 99.95 else f"{count:,.0f} {unit}"
