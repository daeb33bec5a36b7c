"""A drawn chart, and the pieces that all charts are drawn of."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from modelway.report.formats import printable, shorten

CHARACTER = 6.5
"""Mean width of a character of the charts' font, in their pixels."""


@dataclass(frozen=True)
class Chart:
    """A drawn chart.

    Attributes:
        title: what it shows.
        alternative: the same in words, for those who can't see it.
        body: SVG elements within width and height.
    """

    title: str
    alternative: str
    width: float
    height: float
    body: Markup

    def inline(self) -> Markup:
        """The chart as part of an HTML page that holds `chart.css`."""
        return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
            coordinate(self.width), coordinate(self.height), printable(self.alternative), self.body
        )

    def standalone(self, css: str) -> str:
        """The chart as a file of its own, with its title above it."""
        head = 30
        own = Markup(css)  # noqa: S704 - a file of this package
        width, height = coordinate(self.width), coordinate(self.height + head)
        return str(
            Markup(
                '<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {} {}" width="{}" height="{}" '
                'role="img" aria-label="{}"><style>{}</style><rect class="ground" width="100%" height="100%"/>'
                '<text class="heading" x="8" y="20">{}</text><g transform="translate(0 {})">{}</g></svg>\n'
            ).format(
                width,
                height,
                f"{2 * self.width:g}",
                f"{2 * (self.height + head):g}",
                printable(self.alternative),
                own,
                printable(self.title),
                head,
                self.body,
            )
        )


def text(content: str, x: float, y: float, anchor: str, style: str, limit: int = 60) -> Markup:
    """A piece of text at a place; what is longer than `limit` characters is cut, with the whole as a tooltip."""
    whole = printable(content)
    cut = shorten(whole, limit)
    tooltip = Markup("<title>{}</title>").format(whole) if cut != whole else ""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}{}</text>').format(
        style, coordinate(x), coordinate(y), anchor, tooltip, cut
    )


def coordinate(value: float) -> str:
    """A place in the picture, to a tenth of a pixel."""
    return f"{round(value, 1):g}"
