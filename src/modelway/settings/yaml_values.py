"""YAML 1.1 (yaml.org/spec/1.1) restricted to what JSON can hold, within bounds on depth and size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from modelway.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml import SafeLoader as _Base
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is 15 times as fast, where PyYAML has it

_DEPTH = 64
_VALUES = 200_000
"""Values of a document with its aliases expanded: a few lines of aliases of aliases can stand for billions."""
_INTEGER_BITS = 1024
"""JSON readers stop somewhere, Python itself at 4,300 digits."""
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_ANY = "expected text, a number, true, false, null, a list or a mapping"
_KINDS = {"null": "null", "bool": "true or false", "int": "an integer", "float": "a number", "str": "text"}


class _Loader(_Base):
    """YAML without dates: a date in the settings is text, as in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in {f"{_TAG}timestamp", f"{_TAG}value"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# YAML 1.1 reads 1e-3 as text, because it has no dot; users mean the number.
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(r"^[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def read_yaml(text: str, where: str, *, lines: bool = True) -> tuple[yaml.Node | None, Any]:
    """Return a document's node tree, which knows lines, and its values, which JSON can hold.

    Args:
        text: one YAML document.
        where: the file or flag it stands in.
        lines: whether errors add the line to it.

    Raises:
        SettingsError: the text is invalid YAML, nested deeper than 64 levels, stands for more than 200,000 values,
            repeats a key, or holds a key or value that JSON cannot.
    """
    reading = _Reading(where, lines=lines)
    try:
        text.encode()
        reading.check_depth(text)
        root = yaml.compose(text, Loader=_Loader)
    except UnicodeEncodeError as error:  # bytes of an argument that are not UTF-8, kept as lone surrogates
        raise reading.error("not UTF-8 text", None) from error
    except yaml.YAMLError as error:
        raise reading.error(*_problem(error, text)) from error
    return root, None if root is None else reading.value(root)


class _Reading:
    """One document that is read."""

    def __init__(self, where: str, *, lines: bool) -> None:
        self._where = where
        self._lines = lines
        self._constructor = yaml.SafeLoader("")
        self._seen = 0

    def error(self, what: str, line: int | None, remedy: str | None = None) -> SettingsError:
        place = f":{line + 1}" if self._lines and line is not None else ""
        return SettingsError(what, where=f"{self._where}{place}", remedy=remedy)

    def check_depth(self, text: str) -> None:
        """Composing recurses, in C without a limit; events come one by one, so the depth is checked on them first."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _DEPTH:
                    mark = event.start_mark
                    raise self.error(f"nested deeper than {_DEPTH} levels", None if mark is None else mark.line)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def value(self, node: yaml.Node, depth: int = 1) -> Any:
        self._seen += 1
        if self._seen > _VALUES:
            remedy = "Write out what its aliases (*name) stand for."
            raise self.error(f"the document stands for more than {_VALUES:,} values", node.start_mark.line, remedy)
        if depth > _DEPTH:  # an alias to what it stands in, or aliases nested in aliases
            raise self.error(f"aliases nest deeper than {_DEPTH} levels", node.start_mark.line)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for one in self._merged(value, depth):
                    merged = one | merged
                continue
            name = self._scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(name, str):
                shown = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise self.error(f"expected text as a key, got {shown}", key.start_mark.line, "Put it between quotes.")
            if name in own:
                # YAML itself lets the last of two equal keys win silently.
                raise self.error(f"duplicate key {name!r}", key.start_mark.line, "Keep one.")
            own[name] = self.value(value, depth + 1)
        return merged | own

    def _merged(self, node: yaml.Node, depth: int) -> Iterator[dict[str, Any]]:
        """The mappings of a merge key (yaml.org/type/merge.html); earlier ones win."""
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                raise self.error("expected a mapping, or a list of mappings, below <<", one.start_mark.line)
            value = self.value(one, depth + 1)
            if isinstance(value, dict):
                yield value

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind not in _KINDS or not isinstance(node, yaml.ScalarNode):
            raise self.error(f"{_ANY}, got {node.tag.replace(_TAG, '!!')}", node.start_mark.line)
        shown = node.value if len(node.value) <= 40 else f"{node.value[:37]}..."
        problem = self.error(f"expected {_KINDS[kind]}, got {shown!r}", node.start_mark.line)
        try:
            value = self._constructor.yaml_constructors[node.tag](self._constructor, node)
        except (ValueError, LookupError, OverflowError) as error:
            raise problem from error
        if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
            raise problem
        return value


def _problem(error: yaml.YAMLError, text: str) -> tuple[str, int | None]:
    """What PyYAML reports, and the line, from 0."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"invalid YAML: {error.reason}", text.encode("utf-8", "surrogatepass").count(b"\n", 0, error.position)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f"invalid YAML: {getattr(error, 'problem', None) or error}", None if mark is None else mark.line
