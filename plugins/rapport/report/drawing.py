"""Drawings that no chart grammar has: flows and timelines, as SVG that stands in the page itself.

What stands in the page can be marked, copied and searched. Nothing in a drawing has an id, loads
or runs anything; every text goes through ``label``, which escapes it. Fonts are the reader's, so
nothing hangs on the exact width of a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from rapport.report.pictures import INK

THIN = 8  # of a band, in pixels


@dataclass(frozen=True)
class Drawing:
    """A drawing as the page shows it.

    Attributes:
        title: what it shows, with its unit.
        basis: how many of what it rests on, and as of when.
        reading: how to read it.
        wide: for a desktop and paper, SVG.
        narrow: for a telephone, SVG.
        words: what it says, line by line, beside it.
    """

    title: str
    basis: str
    reading: str
    wide: Markup
    narrow: Markup
    words: tuple[str, ...] = ()


def svg(width: float, height: float, text: str, parts: Sequence[Markup]) -> Markup:
    """Return a drawing of this size; ``text`` says it to who cannot see it."""
    return Markup(
        '<svg class="drawing" role="img" aria-label="{}" width="{}" height="{}" '
        'viewBox="0 0 {} {}" font-size="12">{}</svg>'
    ).format(text, _px(width), _px(height), _px(width), _px(height), Markup("").join(parts))


def label(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    fill: str = INK,
    bold: bool = False,
    halo: bool = False,
    size: float = 12,
) -> Markup:
    """Return a text; ``y`` is its middle. With a halo it can be read on whatever it lies on."""
    return Markup('<text x="{}" y="{}" text-anchor="{}" fill="{}"{}>{}</text>').format(
        _px(x),
        _px(y + 0.35 * size),
        anchor,
        fill,
        Markup(
            (' font-weight="600"' if bold else "")
            + (f' font-size="{size:g}"' if size != 12 else "")
            + (
                ' stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"'
                if halo
                else ""
            )
        ),
        escape(text),
    )


def box(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> Markup:
    """Return a rectangle; ``more`` are attributes of ours."""
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"{}/>').format(
        _px(x), _px(y), _px(width), _px(height), fill, Markup(f" {more}" if more else "")
    )


def band(
    start: tuple[float, float], end: tuple[float, float], width: float, fill: str, opacity: float
) -> Markup:
    """Return a band that leaves and comes level, as high everywhere as ``width``.

    ``start`` and ``end`` are the middle of its ends. A thin one is a line, or it would be a hair
    where it is steep; a broad line would be pinched there.
    """
    (x, y), (to_x, to_y) = start, end
    middle = (x + to_x) / 2

    def curve(shift: float) -> str:
        return " ".join(_px(each) for each in (middle, y + shift, middle, to_y + shift))

    if width < THIN:
        return Markup(
            '<path class="band" d="M{} {}C{} {} {}" fill="none" stroke="{}" stroke-opacity="{}" '
            'stroke-width="{}"/>'
        ).format(
            _px(x),
            _px(y),
            curve(0),
            _px(to_x),
            _px(to_y),
            fill,
            f"{opacity:g}",
            _px(max(width, 0.75)),
        )
    half = width / 2
    back = " ".join(_px(each) for each in (middle, to_y + half, middle, y + half, x, y + half))
    return Markup(
        '<path class="band" d="M{} {}C{} {} {}V{}C{}Z" fill="{}" fill-opacity="{}"/>'
    ).format(
        _px(x),
        _px(y - half),
        curve(-half),
        _px(to_x),
        _px(to_y - half),
        _px(to_y + half),
        back,
        fill,
        f"{opacity:g}",
    )


def line(x: float, y: float, to_x: float, to_y: float, stroke: str, more: str = "") -> Markup:
    """Return a line; ``more`` are attributes of ours."""
    return Markup('<path d="M{} {}L{} {}" stroke="{}"{}/>').format(
        _px(x), _px(y), _px(to_x), _px(to_y), stroke, Markup(f" {more}" if more else "")
    )


def circle(x: float, y: float, radius: float, fill: str, stroke: str) -> Markup:
    """Return a circle."""
    return Markup('<circle cx="{}" cy="{}" r="{}" fill="{}" stroke="{}"/>').format(
        _px(x), _px(y), _px(radius), fill, stroke
    )


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
