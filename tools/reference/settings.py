"""Every key of `modelway.yaml`, from the JSON Schema that `modelway schema` prints."""

from __future__ import annotations

from modelway.settings import settings_schema
from tools.reference.markdown import page, plain, table
from tools.reference.schema import Sections

MADE_OF = "the records in src/modelway/records"
ABOUT = (
    "The keys of `modelway.yaml`, from the JSON Schema that `modelway schema` prints."
    " [examples/loans/modelway.yaml](../../examples/loans/modelway.yaml) is a commented file with all of them."
    " `--set a.b=c` overrides a value for one command."
)


def settings_page() -> str:
    """The page: a section for each top-level key, and below it one for each record in it."""
    schema = settings_schema()
    sections = Sections(schema)
    for name, value in schema["properties"].items():
        if "$ref" in value:
            sections.headings[value["$ref"].rsplit("/", 1)[1]] = name
    for name, value in schema["properties"].items():
        if "$ref" in value:
            sections.describe(name, schema["$defs"][value["$ref"].rsplit("/", 1)[1]], name, 2)
    sections.describe("environments", {"properties": {"environments": schema["properties"]["environments"]}}, "", 2)
    rows = [
        (f"[`{name}`](#{name})" if name != "name" else "`name`", plain(value.get("description", "")))
        for name, value in schema["properties"].items()
    ]
    return page("Settings", MADE_OF, ABOUT, table(("key", ""), rows), *sections.texts)
