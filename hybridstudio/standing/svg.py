"""A drawing as an SVG file, which stands by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path

from hybridstudio.standing.corners import triangle
from hybridstudio.standing.dots import Dot
from hybridstudio.standing.figure import Disc, Patch, Scene, Shape, Stroke, Words, outline
from hybridstudio.standing.plot import pareto

# Of a light page; Okabe & Ito 2008, "Color universal design".
ROLES = {"text": "#1c1e22", "muted": "#5d626b", "line": "#d4d6db", "canvas": "#ffffff",
         "good": "#12734a", "bad": "#b3261e", "warn": "#8f5200"}
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c1e22")
FAMILY = "system-ui, sans-serif"


def svg(parts: Iterable[tuple[Iterable[Shape], float, float]], width: float, height: float,
        title: str, notes: Iterable[str] = ()) -> str:
    """Return a file that shows drawings, each with its left and top, under a title, above notes."""
    notes = list(notes)
    high = height + 34 + 18 * len(notes) + 6
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{high:g}" '
             f'viewBox="0 0 {width:g} {high:g}" font-family="{FAMILY}" role="img">',
             f"<title>{escape(title)}</title>",
             f'<rect width="{width:g}" height="{high:g}" fill="{ROLES["canvas"]}"/>',
             _words(Words((16, 22), title, "text", size=14, is_bold=True))]
    for shapes, left, top in parts:
        lines.append(f'<g transform="translate({left:g} {top + 34:g})">')
        lines += [_shape(shape) for shape in shapes]
        lines.append("</g>")
    lines += [_words(Words((16, height + 34 + 14 + 18 * place), note, "muted", size=11))
              for place, note in enumerate(notes)]
    return "\n".join([*lines, "</svg>", ""])


def _shape(shape: Shape) -> str:
    match shape:
        case Stroke():
            dash = ' stroke-dasharray="5 4"' if shape.is_dashed else ""
            return (f'<polyline points="{_points(shape.places)}" fill="none" '
                    f'stroke="{_ink(shape.ink)}" stroke-width="{shape.width:g}"{dash}/>')
        case Patch():
            return (f'<polygon points="{_points(shape.places)}" fill="{_ink(shape.ink)}" '
                    f'fill-opacity="{shape.opacity:g}"/>')
        case Words():
            return _words(shape)
        case Disc():
            return _disc(shape)


def _words(words: Words) -> str:
    bold = ' font-weight="600"' if words.is_bold else ""
    if words.is_clear:
        bold += f' paint-order="stroke" stroke="{ROLES["canvas"]}" stroke-width="4"'
    return (f'<text x="{words.at[0]:.1f}" y="{words.at[1]:.1f}" font-size="{words.size:g}" '
            f'text-anchor="{words.anchor}" fill="{_ink(words.ink)}"{bold}>'
            f"{escape(words.text)}</text>")


def _disc(disc: Disc) -> str:
    (x, y), ink = disc.at, _ink(disc.ink)
    dash = ' stroke-dasharray="3 2"' if disc.is_faint else ""
    opacity = ' opacity="0.6"' if disc.is_faint else ""
    pen = f'stroke="{ink}" stroke-width="2"{dash}'
    inside = f'fill="{ROLES["canvas"]}"' if disc.share is not None else 'fill="none"'
    if disc.form == "disc":
        ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{disc.radius:g}" {inside} {pen}/>'
    else:
        corners = _points(outline(disc.form, disc.at, disc.radius))
        ring = f'<polygon points="{corners}" {inside} {pen}/>'
    return f"<g{opacity}>{ring}{_pie(disc, ink)}</g>"


def _pie(disc: Disc, ink: str) -> str:
    (x, y), radius, share = disc.at, disc.radius - 2, disc.share or 0.0
    if share <= 0:
        return ""
    if share >= 0.999:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{ink}"/>'
    turn = 2 * math.pi * share
    end = x + radius * math.sin(turn), y - radius * math.cos(turn)
    return (f'<path d="M{x:.1f} {y:.1f}V{y - radius:.1f}A{radius:g} {radius:g} 0 '
            f'{int(share > 0.5)} 1 {end[0]:.1f} {end[1]:.1f}Z" fill="{ink}"/>')


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _ink(ink: str) -> str:
    return ROLES.get(ink, ink)


def sheet(scene: Scene, title: str, notes: Iterable[str] = (), width: float = 1180,
          height: float = 460) -> str:
    """Return both drawings side by side as one file."""
    wide = round(0.58 * width)
    parts = ((pareto(scene, wide, height).shapes, 0.0, 0.0),
             (triangle(scene, width - wide, height).shapes, float(wide), 0.0))
    return svg(parts, width, height, title, notes)


def colours(dots: Iterable[Dot]) -> dict[Path, str]:
    """Return a colour for each run among dots, in the order in which they come."""
    runs = dict.fromkeys(dot.way.run for dot in dots)
    return {run: SERIES[place % len(SERIES)] for place, run in enumerate(runs)}
