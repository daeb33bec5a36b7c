"""JSON bodies into values, without keeping other requests waiting.

A call of msgspec holds Python's lock until it ends, on whatever thread. So a large body is cut first, which is fast,
and then decoded in parts. JSON has no NaN, but Python's own encoder writes it: a random number stands in for it.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from modelway.serve.refusals import Fault, RefusedError, too_large, unfit, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"
LARGE_BYTES = 64 * 1024
"""Bytes from which on a body is decoded in parts, and about how many a part has."""
_MOST_COMMAS = 100_000
"""Commas of one row, and of whatever else is decoded by one call."""
_MOST_INNER, _LEAST_INNER = 3, 1000
_MOST_KEYS = 10_000
"""Names of one object whose values are decoded by themselves."""
_BEGINNING = 3_000_000
_KEY = re.compile(rb'"\s*:')
_CUT = msgspec.json.Decoder(list[msgspec.Raw])
_NOT_FINITE = re.compile(rb"(?<![\w.+-])(?:NaN|-?Infinity)(?![\w.+-])")


def _stand_ins() -> dict[bytes, tuple[int, float]]:
    """A random number for each, that no caller can know: of 63 bits, so that msgspec reads it as an integer."""
    values = (math.nan, math.inf, -math.inf)
    return {json.dumps(value).encode(): (2**62 + secrets.randbelow(2**62), value) for value in values}


_STAND_INS = _stand_ins()
_VALUES = dict(_STAND_INS.values())
_TEXTS = {str(number): word.decode() for word, (number, _) in _STAND_INS.items()}


class Json:
    """A JSON body.

    Args:
        body: the whole body, UTF-8; it may begin with a byte-order mark.
        most_values: how many values it may hold.
        most_rows: how many items an array of it may have; it may hold three arrays or objects for each.

    Raises:
        RefusedError: it holds more (413).
    """

    def __init__(self, body: bytes, most_values: int, most_rows: int) -> None:
        self._body = body[len(_BOM) :] if body.startswith(_BOM) else body
        self._marked = False
        # Every value but the first of its array or object follows a comma, and so do commas in texts.
        if len(body) > most_values and body.count(b",") > most_values:
            raise too_large(f"the body has more than {most_values} values")
        most_inner = _MOST_INNER * most_rows + _LEAST_INNER
        if len(body) > most_inner and body.count(b"[") + body.count(b"{") > most_inner:
            raise too_large(f"the body has more than {most_inner} arrays and objects")
        self._most_rows = most_rows
        self._too_many = _begins_with_values(most_rows)

    def decode(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        """The whole body; `msgspec.Raw` in its form is for `part` and `array`.

        Raises:
            RefusedError: it is not JSON (400), or of another form (422).
        """
        try:
            found = self._decode(self._body, decoder)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            marked = _NOT_FINITE.sub(lambda word: b"%d" % _STAND_INS[word[0]][0], self._body)
            if marked == self._body:
                raise unreadable(f"the body is not JSON: {error}") from error
            self._body, self._marked = marked, True
            try:
                found = self._decode(marked, decoder)
            except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
                raise unreadable(f"the body is not JSON: {wrong}") from wrong
        return _restored(found) if self._marked else found

    def part(self, raw: msgspec.Raw, decoder: msgspec.json.Decoder[Any], place: str) -> Any:
        """A part of the body that is small in every honest request.

        Raises:
            RefusedError: it is of another form (422), or large (413).
        """
        content = bytes(memoryview(raw))
        if content.count(b",") > _MOST_COMMAS:
            raise too_large(f"{place} has more than {_MOST_COMMAS} values")
        found = self._inner(content, decoder, place)
        return _restored(found) if self._marked else found

    def cut(self, raw: msgspec.Raw, decoder: msgspec.json.Decoder[Any], place: str) -> Any:
        """An object of the body whose values are `msgspec.Raw`; raises `RefusedError` as `part`."""
        content = bytes(memoryview(raw))
        if next(islice(_KEY.finditer(content), _MOST_KEYS, None), None):
            raise too_large(f"{place} has more than {_MOST_KEYS} names")
        found = self._inner(content, decoder, place)
        return _restored(found) if self._marked else found

    def array(self, raw: msgspec.Raw, decoder: msgspec.json.Decoder[Any], place: str) -> list[Any]:
        """An array of the body; its items are decoded in parts.

        Args:
            raw: the array.
            decoder: of lists of its items.
            place: where it stands in the body.

        Raises:
            RefusedError: it is not an array of such items (422), or has too many, or one is too large (413).
        """
        if len(raw) <= LARGE_BYTES:
            found: list[Any] = self.part(raw, decoder, place)
            return found
        content = bytes(memoryview(raw))
        # To cut very many items takes long, and they are refused anyway: most such arrays are seen by their beginning.
        many = content.count(b",") > self._most_rows and self._too_many.match(content, 0, _BEGINNING)
        cut = [] if many else self._inner(content, _CUT, place)
        if many or len(cut) > self._most_rows:
            raise too_large(f"{place} has more than {self._most_rows} rows")
        found = []
        for items in _parts(cut):
            content = b"[" + b",".join(items) + b"]"
            if len(content) > LARGE_BYTES and content.count(b",") > _MOST_COMMAS:
                raise too_large(f"an item of {place} has more than {_MOST_COMMAS} values")
            values = self._inner(content, decoder, place, len(found))
            found += _restored(values) if self._marked else values
        return found

    def _inner(self, content: bytes, decoder: msgspec.json.Decoder[Any], place: str, first: int | None = None) -> Any:
        """A part: what was cut off as `msgspec.Raw` was not looked at closely."""
        try:
            return self._decode(content, decoder, place, first)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(f"the body is not JSON, in {place}: {error}") from error

    def _decode(
        self, content: bytes, decoder: msgspec.json.Decoder[Any], place: str = "", first: int | None = None
    ) -> Any:
        try:
            return decoder.decode(content)
        except msgspec.ValidationError as error:
            raise _other_form(error, place, first) from error
        except RecursionError as error:
            raise unreadable("the body is nested too deeply") from error


@cache
def _begins_with_values(times: int) -> re.Pattern[bytes]:
    """An array that begins with so many numbers, texts or words, and a comma after each."""
    text = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    return re.compile(rb'\[(?:[^"\[{,]*+(?:' + text + rb'[^"\[{,]*+)?+,){%d}+' % min(times, 2**31), re.DOTALL)


def _parts(items: list[msgspec.Raw]) -> Iterator[list[bytes]]:
    """The items in order, about `LARGE_BYTES` at once, and one at least."""
    part: list[bytes] = []
    size = 0
    for item in items:
        part.append(bytes(memoryview(item)))
        size += len(part[-1])
        if size > LARGE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _restored(value: Any) -> Any:
    """A decoded value with NaN and infinity, or their words in texts, where a stand-in is."""
    kind = type(value)
    if kind is int:
        return _VALUES.get(value, value)
    if kind is str:
        for number, word in _TEXTS.items():
            if number in value:
                value = value.replace(number, word)
        return value
    if kind is list:
        return [_restored(one) for one in value]
    if kind is dict:
        return {_restored(name): _restored(one) for name, one in value.items()}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value, **{name: _restored(getattr(value, name)) for name in value.__struct_fields__}
        )
    return value


def _other_form(error: msgspec.ValidationError, place: str, first: int | None) -> RefusedError:
    """The refusal for what msgspec says: `Expected X, got Y - at `$.place``."""
    text, _, inner = str(error).partition(" - at ")
    expected, _, found = text.removeprefix("Expected ").partition(", got ")
    inner = inner.strip("`").removeprefix("$")
    if first:
        inner = re.sub(r"^\[(\d+)\]", lambda number: f"[{int(number[1]) + first}]", inner)
    where = (place + inner).removeprefix(".") or "body"
    return unfit(Fault(where, expected.strip("`"), found.strip("`") or text))
