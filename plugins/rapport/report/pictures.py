"""How charts look and how they become pictures.

A chart is drawn twice, for a desktop and for a telephone, as SVG, and stands in the page as an
image: whatever a label holds, nothing in it can run, load or clash with another chart.

The charts' font comes with vl-convert, which lays the text out by it; Arial and Helvetica have
the same widths, so the layout holds where a reader has only those. Names that people gave stand
in the page's tables and not in charts: only a browser can set every script.
"""

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, MUTED, GRID = "#1f2933", "#52606d", "#e4e7eb"
# Okabe and Ito's palette: told apart with any colour vision.
BLUE, VERMILION, GREEN, AMBER, SKY, PURPLE, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#AA4499",
    "#9AA5B1",
)


@dataclass(frozen=True)
class Size:
    """The place a chart is drawn for.

    Attributes:
        width: of the whole picture at most, in pixels.
        narrow: whether it is a telephone.
    """

    width: int
    narrow: bool


WIDE, NARROW = Size(928, narrow=False), Size(358, narrow=True)
Draw = Callable[[Size], "alt.TopLevelMixin"]


@dataclass(frozen=True)
class Picture:
    """A chart as the page shows it.

    Attributes:
        title: what it shows, with its unit.
        basis: how many of what it rests on, and as of when.
        reading: how to read it.
        text: what it says, for who cannot see it.
        wide: for a desktop, as a data URI.
        narrow: for a telephone, as a data URI.
    """

    title: str
    basis: str
    reading: str
    text: str
    wide: str
    narrow: str


def picture(draw: Draw, *, title: str, basis: str, reading: str, text: str) -> Picture:
    """Draw a chart for both places."""
    wide, narrow = (_data_uri(svg_of(draw(size))) for size in (WIDE, NARROW))
    return Picture(title, basis, reading, text, wide, narrow)


def panels(heads: Iterable[str], size: Size) -> "alt.Facet":
    """Return the facet of a chart with a panel for each head: what it shows, `·`, its n."""
    from altair import Facet, Header

    facet = Facet("head:N", sort=list(heads))
    if size.narrow:
        return facet.header(Header(labelExpr="split(datum.label, ' · ')", labelLineHeight=15))
    return facet


def svg_of(chart: Any) -> str:
    """Return a chart as SVG; the same chart gives the same text."""
    styled = (
        chart.configure(font=FONT, background="white", aria=False)  # an image is read by its text
        .configure_axis(
            labelColor=INK,
            labelFontSize=12,
            labelLimit=400,
            titleColor=MUTED,
            titleFontSize=12,
            titleFontWeight="normal",
            gridColor=GRID,
            domainColor=GREY,
            tickColor=GREY,
        )
        .configure_legend(
            orient="top", labelColor=INK, labelFontSize=12, labelLimit=400, title=None, offset=8
        )
        .configure_header(labelColor=INK, labelFontSize=12, labelFontWeight="bold", title=None)
        .configure_view(stroke=None)
    )
    out = StringIO()
    styled.save(out, format="svg")
    return _slim(_numbered_anew(out.getvalue()))


def _numbered_anew(svg: str) -> str:
    """Number clips and gradients from the first one on; Vega counts over all its charts."""
    known: dict[str, str] = {}
    return re.sub(
        r"\b(clip|gradient_)\d+\b",
        lambda found: known.setdefault(found[0], f"{found[1]}{len(known)}"),
        svg,
    )


_EMPTY = re.compile(r'<path [^>]*\bd="(M0,0h0v0h0Z)?"[^>]*/>')
_SAID_ANYWAY = re.compile(
    r' (?:class|role|pointer-events|aria-\w+|font-family)="[^"]*"| (?:stroke-)?opacity="1"'
)


def _slim(svg: str) -> str:
    """Leave out what Vega says of every mark and a picture has no use for: half of the text."""
    head, rest = svg.split(">", 1)
    rest = re.sub(
        r"<[^>]+>",
        lambda tag: re.sub(
            r"-?\d+\.\d{3,}",
            lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."),
            _SAID_ANYWAY.sub("", tag[0]),
        ),
        _EMPTY.sub("", rest),
    )
    return f'{head} font-family="{FONT}">{rest}'


def _data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
