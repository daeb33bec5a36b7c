"""The serving settings of a release: what a project sets explicitly, as every server of the release gets it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue, field_serializer

from modelway.errors import UsageError
from modelway.records.base import Record
from modelway.records.serve import ServeOptions
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.records.data import S3Options

SETTINGS = "MODELWAY_SERVE_SETTINGS"
"""The environment variable that a server reads them from."""
SETTINGS_DIGEST = "settings_digest"
"""The field of a server's metadata (`GET /v2`) that holds the digest of what it was given."""
OF_ENVIRONMENT = {
    "log.spool": "the image's volume, or the state of a local environment",
    "log.uri": "environments.NAME.log",
    "rollout_page": "the state of a local environment",
    "routing.flags": "environments.NAME.flags",
}
"""Keys of `serve` that no release carries, with what decides them where an environment's servers run."""
MOST_BYTES = 32_768
"""The longest text of them: half of what Amazon ECS takes as a whole task definition (64 KiB)."""


class ServingSettings(Record):
    """The keys of `serve` that are set explicitly, and the code that the bundles may use. No secret is in it."""

    serve: ServeOptions = ServeOptions()
    """What is set; a key that is not set follows the defaults of the server's own version of modelway."""
    trusted: tuple[str, ...] = ()
    """Types and functions that the bundles may use in addition to modelway's own list."""

    @field_serializer("serve")
    def _write_what_is_set(self, serve: ServeOptions) -> dict[str, JsonValue]:
        return _pruned(serve.model_dump(mode="json", exclude_unset=True))

    @property
    def text(self) -> str:
        """The same settings as the same JSON; empty if nothing is set."""
        tree = {key: value for key, value in self.model_dump(mode="json").items() if value}
        return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if tree else ""

    @property
    def digest(self) -> str | None:
        """Return 12 hexadecimal digits that name the settings; None if nothing is set."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12] if self.text else None

    def checked(self) -> ServingSettings:
        """Return the same settings.

        Raises:
            UsageError: they are larger than `MOST_BYTES`, or an address in them holds a password.
        """
        endpoint = self.serve.s3.endpoint_url
        if endpoint is not None and "@" in endpoint:
            raise UsageError(
                "the address holds a user or password, which would be readable wherever a release is",
                where="s3.endpoint_url",
                remedy="Give credentials as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        size = len(self.text.encode())
        if size > MOST_BYTES:
            raise UsageError(
                f"the serving settings take {size:,} bytes, and a server's environment holds {MOST_BYTES:,}",
                where="serve",
                remedy="Shorten its longest lists, most likely serve.log.columns or serve.log.hashed.",
            )
        return self


def explicit_settings(
    options: ServeOptions,
    *,
    s3: S3Options,
    require_signature: bool = False,
    public_key: str | None = None,
    workers: int | None = None,
    trusted: Iterable[str] = (),
) -> ServingSettings:
    """Return what is set explicitly, without what each environment decides.

    Args:
        options: the `serve` section as it was read.
        s3: where the servers' `s3://` addresses lead.
        require_signature: whether any section requires signed bundles.
        public_key: the key that signatures are verified with, as `Trust` holds it.
        workers: how many worker processes each server has, instead of `workers.count`.
        trusted: types and functions that the bundles may use.
    """
    values = options.model_dump(mode="json", exclude_unset=True)
    for key in (*OF_ENVIRONMENT, "public_key", "s3"):
        _remove(values, key.split("."))
    values["s3"] = s3.model_dump(mode="json", exclude_unset=True)
    if require_signature:
        values["require_signature"] = True
    if public_key is not None:
        values["public_key"] = public_key
    if workers is not None:
        values.setdefault("workers", {})["count"] = workers
    return ServingSettings(serve=ServeOptions.from_json(json.dumps(_pruned(values))), trusted=join_names(trusted))


def _remove(values: dict[str, Any], keys: list[str]) -> None:
    for key in keys[:-1]:
        values = values.get(key) or {}
    values.pop(keys[-1], None)


def _pruned(values: dict[str, Any]) -> dict[str, Any]:
    """The same without sections in which nothing is set."""
    found = {key: _pruned(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {key: value for key, value in found.items() if value != {}}
