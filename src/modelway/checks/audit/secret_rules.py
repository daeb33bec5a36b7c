"""What looks like a secret in a line: detect-secrets' detectors, some of our own, and what is known to be none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = {
    # Forms that detect-secrets 1.5 knows only between quotes, as random text, or not at all.
    "github-fine-grained-token": re.compile(r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    "hugging-face-token": re.compile(r"\bhf_[A-Za-z0-9]{34,}\b"),
    "google-api-key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    "anthropic-api-key": re.compile(r"\bsk-ant-[A-Za-z0-9]+-[A-Za-z0-9_-]{80,}"),
    "databricks-token": re.compile(r"\bdapi[a-f0-9]{32}(?:-\d)?\b"),
    "dagger-cloud-token": re.compile(r"\bdag_[a-z0-9-]+_[A-Za-z0-9_-]{30,}\b"),
}
_LEFT_OUT = frozenset({"IPPublicDetector"})
"""An address that everybody can reach is no secret."""
_RANDOM_HEX = "hex-high-entropy-string"
_RANDOM_TEXT = "base64-high-entropy-string"
KEYWORD = "secret-keyword"

_DIGEST = re.compile(
    r"sha-?\d|digest|hash|checksum|md5|integrity|commit|revision|etag|fingerprint|"
    # a file and its digest, as in a manifest
    r"[\"'][^\"']+\.\w{1,8}[\"']\s*:\s*[\"'][0-9a-f]{64}[\"']",
    re.IGNORECASE,
)
_NAMED_SECRET = re.compile(r"pass|secret|token|key", re.IGNORECASE)
_EMBEDDED = re.compile(r"[\"']image/|data:\w+/")
_INTEGRITY = ("sha256-", "sha384-", "sha512-")


class Detectors:
    """All detectors, ready to look at lines. Nothing that they find is verified over the network."""

    def __init__(self) -> None:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

        mapping: dict[str, Any] = get_mapping_from_secret_type_to_class()
        self._plugins = [one() for one in mapping.values() if one.__name__ not in _LEFT_OUT]

    def rules(self, filename: str, line: str) -> Iterator[str]:
        """The rules by which a line holds a secret.

        Args:
            filename: its extension tells how assignments look.
            line: one line, without its end.
        """
        yield from (rule for rule, pattern in _OURS.items() if pattern.search(line))
        for plugin in self._plugins:
            rule = _slug(plugin.secret_type)
            values = [one.secret_value for one in plugin.analyze_line(filename=filename, line=line)]
            if any(value and not _is_none(value, line, rule, plugin) for value in values):
                yield rule


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _is_none(value: str, line: str, rule: str, plugin: Any) -> bool:
    """Whether a value only looks like a secret: a reference, a placeholder, an identifier, a digest."""
    from detect_secrets.filters import heuristic

    if heuristic.is_templated_secret(value) or heuristic.is_not_alphanumeric_string(value):
        return True
    if heuristic.is_sequential_string(value) or heuristic.is_potential_uuid(value):
        return True
    if heuristic.is_prefixed_with_dollar_sign(value) or heuristic.is_likely_id_string(value, line, plugin):
        return True
    if rule == KEYWORD:
        # `password := read(` is a call. detect-secrets' own filter for that lets `db = connect(password="...")` pass.
        return value.endswith(("(", "["))
    if rule == _RANDOM_HEX:
        return bool(_DIGEST.search(line)) and not _NAMED_SECRET.search(line)
    return rule == _RANDOM_TEXT and (value.startswith(_INTEGRITY) or bool(_EMBEDDED.search(line)))
