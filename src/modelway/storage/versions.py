"""What compare-and-swap compares: a version of a file or object, and the writes that it descends from."""

from __future__ import annotations

from dataclasses import dataclass

from modelway.errors import OutsideError

_MOST = 32
"""Marks that an object keeps: as many writes may follow on one whose answer was lost before that one is unknown."""


class LostAnswerError(OutsideError):
    """A conditional write was sent, and whether it took effect is not known."""


@dataclass(frozen=True)
class Version:
    """What an address holds.

    Attributes:
        content: the bytes; None where there is nothing.
        tag: what `write_if_unchanged` compares: S3's ETag, a local file's SHA-256; None where there is nothing.
        marks: the last writes that led here, the oldest first. The first one of an object that had none before names
            what was replaced. Local files have none, for no answer of theirs is ever lost.
    """

    content: bytes | None
    tag: str | None
    marks: tuple[str, ...] = ()

    def marks_with(self, mark: str) -> tuple[str, ...]:
        """Return the marks of the version that a write makes of this one."""
        return (*(self.marks or (self._name,)), mark)[-_MOST:]

    def descends_from(self, base: Version) -> bool:
        """Return whether every write since `base` has its mark here, so that a mark not found never took effect."""
        return base._name in self.marks

    @property
    def _name(self) -> str:
        """What the next version's marks call this one."""
        return self.marks[-1] if self.marks else f"from-{self.tag or 'nothing'}"
