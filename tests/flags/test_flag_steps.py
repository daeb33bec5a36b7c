"""The flag document with each step of a change failing: the old or the new is in force, and the lock is free."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelway.flags import parse_document, read_shares, update_flags, with_shares
from modelway.records.flags import Shares
from tests.every_step import Fault, Operation
from tests.stores import EACH_STORE_AND_FAULT, Store, name_of

OLD, NEW = Shares(new_model=0.1), Shares(new_model=0.5)


def _stored(store: Store, root: Path) -> Shares:
    content = store.get(root, "flags.json")
    assert content is not None
    parse_document(content, "flags.json")
    return read_shares(json.loads(content))


@EACH_STORE_AND_FAULT
def test_update_flags_with_each_step_failing_leaves_a_document_in_force(
    store: Store, tmp_path: Path, fault: Fault
) -> None:
    def change(shares: Shares) -> Any:
        return lambda document: None if document and read_shares(document) == shares else with_shares(document, shares)

    def update(root: Path, shares: Shares) -> None:
        found = update_flags(store.uri(root, "flags.json"), change(shares), s3=store.options)
        assert read_shares(found) == shares

    def check(root: Path, done: bool) -> None:
        assert _stored(store, root) in [NEW, *(() if done else (OLD,))]

    operation = Operation(
        lambda root: update(root, OLD),
        lambda root: update(root, NEW),
        check,
        store.names,
        place=name_of,
        at_least=2 if store.s3 else 6,
        tidy=True,
    )
    operation.with_each_step(tmp_path, fault)
