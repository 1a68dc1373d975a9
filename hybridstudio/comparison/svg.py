"""Drawings for a page, written as SVG: curves laid over each other, scores on their axes.

Colours are given twice: as attributes, for whatever shows the drawing alone, and as classes, which
the page's style overrides so that it follows light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np

from hybridstudio.comparison.curves import Overlay, Thin, thin
from hybridstudio.comparison.scoring import Figure
from hybridstudio.telling import duration, number

# Okabe and Ito 2008, as the window uses them: on light ground, on dark ground.
LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DARK = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442")
TEXT, MUTED, LINE = "#1c1e22", "#5d626b", "#d4d6db"
NUMBERS = 190  # pixels for a score's value and interval in words
WIDTH, HEIGHT = 640, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 10, 26
ROW = 24  # of a score's run
NAMES = 150  # pixels that the names of runs take beside the bars
_CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
Against = Literal["steps", "time"]


@dataclass(frozen=True)
class Scale:
    """Puts values of a range onto pixels; a logarithmic one asks for values above 0."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value; one outside of the range lies at its end."""
        low, high, value = map(self._counted, (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def _counted(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values within the range."""
        if not self.log:
            return round_values(self.low, self.high, most)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for digits in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
            every = max(1, math.ceil((last - first) / most)) if digits == (1,) else 1
            found = [digit * 10.0**power for power in range(first, last + 1, every)
                     for digit in digits if self.low <= digit * 10.0**power <= self.high]
            if len(found) >= 3:
                break
        return found[:12]


def round_values(low: float, high: float, most: int = 5) -> list[float]:
    """Return values of 1, 2 or 5 times a power of ten between two ends, `most` or so of them."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    spacing = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)
    first = math.ceil(low / spacing - 1e-9)
    return [spacing * place for place in range(first, math.floor(high / spacing + 1e-9) + 1)]


def clock_values(high: float, most: int = 6) -> list[float]:
    """Return times from 0 on that a clock would show, in seconds."""
    wanted = high / most
    spacing = next((each for each in _CLOCK if each >= wanted),
                   86_400 * max(1, math.ceil(wanted / 86_400)))
    return [float(spacing * place) for place in range(int(high / spacing) + 1)]


# --- curves ---------------------------------------------------------------------------------------


def curves(overlay: Overlay, against: Against = "steps") -> str:
    """Draw the curves of several runs: each its mean, and faint behind it from lowest to highest.

    The range lets the first moments of a training and rare spikes go.
    """
    lines = [(subject.colour, thin(series.steps if against == "steps" else series.seconds,
                                   series.values)) for subject, series in overlay.lines]
    lines = [(colour, line) for colour, line in lines if line.x.size]
    if not lines:
        return _drawing(HEIGHT, [_text(WIDTH / 2, HEIGHT / 2, "no finite values", "middle")],
                        overlay.title)
    end = max(float(line.x[-1]) for _, line in lines) or 1.0
    x = Scale(0.0, end, LEFT, WIDTH - RIGHT)
    y = Scale(*_range([line for _, line in lines], overlay.log), HEIGHT - BOTTOM, TOP, overlay.log)
    parts = _axes(x, y, against)
    for colour, line in lines:
        parts.append(_band(line, x, y, colour))
    for colour, line in lines:
        points = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}"
                          for a, b in zip(line.x.tolist(), line.mean.tolist(), strict=True))
        if line.x.size == 1:
            parts.append(f'<circle cx="{x.at(line.x[0]):.1f}" cy="{y.at(line.mean[0]):.1f}" r="3" '
                         f'class="f{colour}" fill="{LIGHT[colour]}"/>')
        parts.append(f'<polyline points="{points}" class="s{colour}" fill="none" '
                     f'stroke="{LIGHT[colour]}" stroke-width="1.6"/>')
    return _drawing(HEIGHT, parts, f"{overlay.title} against {against}")


def _range(lines: Sequence[Thin], log: bool) -> tuple[float, float]:
    means = [line.mean[line.mean.size // 20 if line.mean.size >= 40 else 0:] for line in lines]
    low = min(float(mean.min()) for mean in means)
    high = max(float(np.quantile(mean, 0.995)) for mean in means)
    if log:
        return low / 1.15, max(high, low) * 1.15
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 0.5
    return low - margin, high + margin


def _band(line: Thin, x: Scale, y: Scale, colour: int) -> str:
    there = [f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in zip(line.x, line.high, strict=True)]
    back = [f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in zip(line.x, line.low, strict=True)]
    return (f'<polygon points="{" ".join(there + back[::-1])}" class="f{colour}" '
            f'fill="{LIGHT[colour]}" fill-opacity="0.13"/>')


def _axes(x: Scale, y: Scale, against: Against) -> list[str]:
    parts = []
    for value in y.ticks():
        at = y.at(value)
        parts.append(_line(LEFT, at, WIDTH - RIGHT, at))
        parts.append(_text(LEFT - 6, at + 4, number(value), "end"))
    spell: Callable[[float], str] = number if against == "steps" else duration
    ticks = round_values(0, x.high, 6) if against == "steps" else clock_values(x.high)
    for place, value in enumerate(ticks):
        at = x.at(value)
        parts.append(_line(at, TOP, at, HEIGHT - BOTTOM))
        unit = " steps" if against == "steps" and place == len(ticks) // 2 else ""
        anchor = "start" if place == 0 else "end" if at > WIDTH - RIGHT - 20 else "middle"
        parts.append(_text(at, HEIGHT - BOTTOM + 17, spell(value) + unit, anchor))
    return parts


# --- scores ---------------------------------------------------------------------------------------


def bars(title: str, names: Sequence[str], figures: Sequence[Figure | None],
         best: frozenset[int] = frozenset(), colours: Sequence[int] | None = None) -> str:
    """Draw a score of several runs on one axis: value, interval, and where real and noise lie.

    A distance is shown on a logarithmic axis, as noise lies far beyond anything that was learned;
    figures that are not comparable are hollow.
    """
    known = [figure for figure in figures if figure is not None and math.isfinite(figure.value)]
    ends = [end for figure in known for end in (figure.value, figure.low, figure.high,
                                                figure.floor, figure.ceiling)
            if end is not None and math.isfinite(end)]
    if not ends:
        return ""
    log = min(ends) > 0 and max(ends) > 30 * min(ends)
    low, high = (min(ends) / 1.3, max(ends) * 1.3) if log else (
        min(0.0, *ends), max(ends) * 1.05 or 1.0)
    inks = [place % len(LIGHT) for place in range(len(names))] if colours is None else colours
    top = 2 * TOP
    height = top + ROW * len(names) + BOTTOM
    x = Scale(low, high, NAMES + 10, WIDTH - NUMBERS, log)
    parts = []
    for value in x.ticks():
        at = x.at(value)
        parts.append(_line(at, top, at, height - BOTTOM))
        parts.append(_text(at, height - 8, number(value), "middle"))
    for word in ("floor", "ceiling"):
        told = {getattr(figure, word) for figure in known if figure.is_fair} - {None}
        for value in sorted(told)[:3]:
            at = x.at(value)
            parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{height - BOTTOM}" '
                         f'class="{word}" stroke="{MUTED}" stroke-dasharray="4 3"/>')
            parts.append(_text(at, top - 5, "real" if word == "floor" else "noise", "middle"))
    for place, (name, figure) in enumerate(zip(names, figures, strict=True)):
        middle = top + ROW * (place + 0.5) + 2
        parts.append(_text(NAMES, middle + 4, _short(name), "end", "name"))
        if figure is None or not math.isfinite(figure.value):
            parts.append(_text(WIDTH - 125, middle + 4, "none", "end"))
            continue
        parts.append(_dot(x, middle, figure, inks[place]))
        weight = ' font-weight="600"' if place in best else ""
        parts.append(f'<text x="{WIDTH - 125}" y="{middle + 4:.1f}" text-anchor="end" '
                     f'class="value"{weight} font-size="12" fill="{TEXT}">'
                     f"{number(figure.value)}</text>")
        if figure.interval:
            parts.append(_text(WIDTH - 4, middle + 4, figure.interval, "end"))
    return _drawing(height, parts, title)


def _dot(x: Scale, middle: float, figure: Figure, colour: int) -> str:
    ink = LIGHT[colour]
    at = x.at(figure.value)
    told = ""
    if figure.low is not None and figure.high is not None:
        told = (f'<line x1="{x.at(figure.low):.1f}" x2="{x.at(figure.high):.1f}" '
                f'y1="{middle:.1f}" y2="{middle:.1f}" class="s{colour}" stroke="{ink}" '
                f'stroke-width="3" stroke-opacity="0.55"/>')
    if figure.is_fair:
        return told + (f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="4.5" class="f{colour}" '
                       f'fill="{ink}"/>')
    return told + (f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="4.5" class="s{colour}" '
                   f'fill="none" stroke="{ink}" stroke-width="1.6"/>')


# --- parts ----------------------------------------------------------------------------------------


def _drawing(height: float, parts: Sequence[str], says: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" role="img" font-family="sans-serif">'
            f"<title>{escape(says)}</title>{''.join(parts)}</svg>")


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="grid" '
            f'stroke="{LINE}"/>')


def _text(x: float, y: float, says: str, anchor: str, kind: str = "tick") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}" '
            f'font-size="12" fill="{MUTED}">{escape(says)}</text>')


def _short(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"{name[:most // 2 - 1]}…{name[-most // 2:]}"
