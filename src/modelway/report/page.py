"""The templates' environment, and the frame of every page."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup

from modelway.report import formats, marks, rows

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_TOOLTIP = 1000


def render(template: str, *, folder: Path | None = None, **content: object) -> str:
    """A self-contained HTML page that loads nothing: no script, and no style but its own, which its policy names.

    Args:
        template: a file of `report/templates` that extends `base.html`.
        folder: where the template lies instead; it finds those of `report/templates` as well.
        content: what the template reads; text is escaped unless it is `Markup`.

    Raises:
        jinja2.UndefinedError: where the template reads what `content` lacks.
    """
    css = style("colours.css", "chart.css", "page.css")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    own = Markup(css)  # noqa: S704 - a file of this package
    page = _environment(folder).get_template(template).render(css=own, policy=policy, **content)
    return "\n".join(formats.printable(line) for line in page.split("\n")) + "\n"


@cache
def style(*names: str) -> str:
    """Style sheets of `report/templates`, one after the other."""
    folder = files("modelway.report") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)


def clip(text: object, limit: int = 40) -> Markup:
    """Text from data, cut to `limit` characters with the whole as a tooltip; its direction is its own."""
    whole = formats.printable(str(text))
    cut = formats.shorten(whole, limit)
    if cut == whole:
        return Markup("<bdi>{}</bdi>").format(whole)
    return Markup('<bdi title="{}">{}</bdi>').format(formats.shorten(whole, _LONGEST_TOOLTIP), cut)


@cache
def _environment(folder: Path | None) -> Environment:
    own = PackageLoader("modelway.report")
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder), own]) if folder else own,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        clip=clip,
        count=formats.count,
        day=formats.day,
        duration=formats.duration,
        estimate=formats.estimate,
        metric=formats.metric_name,
        moment=formats.moment,
        number=formats.number,
        percent=formats.percent,
        scalar=formats.scalar,
        signed=formats.signed,
        size=formats.size,
        words=formats.words,
    )
    environment.globals.update(
        bar=marks.bar,
        heat_step=rows.heat_step,
        histogram=marks.histogram,
        interval=marks.interval,
        interval_scale=marks.interval_scale,
    )
    return environment
