"""Passwords, tokens and keys in the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.checks.audit.code import UNREADABLE
from modelway.checks.audit.outcome import AuditFaultError, Observation, Outcome, count
from modelway.checks.audit.paths import matches, shown
from modelway.records.checks import Finding

if TYPE_CHECKING:
    from modelway.checks.audit.paths import Tree
    from modelway.checks.audit.running import Site
    from modelway.records.audit import SecretAuditOptions

CHECK = "secrets"
_SCAN = "modelway.checks.audit.secret_scan"


def audit_secrets(site: Site, tree: Tree, options: SecretAuditOptions) -> Outcome:
    """Look for secrets; what is found is told by rule, file and line, never by its value.

    Args:
        site: where the audit takes place.
        tree: the project's files.
        options: what is looked at.

    Raises:
        AuditFaultError: no file was read, or the scan failed.
    """
    files = [name for name in tree.files if not matches(name, options.exclude)]
    question = {
        "root": str(site.root.absolute()),
        "files": files,
        "max_bytes": options.max_kilobytes * 1024,
        "comments": options.comments,
    }
    answer = site.scan(_SCAN, question)
    unread = {key: int(answer[key]) for key in ("large", "binary")}
    read = len(files) - sum(unread.values()) - len(answer["unreadable"])
    if not read and not answer["unreadable"]:
        raise AuditFaultError(f"there is no text file to look into: {tree}")
    observations = [
        Observation(Finding(rule=rule, message=_message(rule), path=shown(path), line=line))
        for path, line, rule in answer["found"]
    ]
    observations += [
        Observation(Finding(rule=UNREADABLE, message="it can't be read", path=shown(path)), undecided=True)
        for path in answer["unreadable"]
    ]
    looked_at = f"{count(read, 'text file')} of {tree}"
    looked_at += "".join(f"; {count(number, f'{kind} file')} not read" for kind, number in unread.items() if number)
    looked_at += f"; {count(answer['accepted'], 'line')} accepted by a comment" if answer["accepted"] else ""
    return Outcome(CHECK, looked_at, tuple(observations))


def _message(rule: str) -> str:
    return f"this looks like a secret ({rule.replace('-', ' ')}): take it out, and revoke it if anybody could read it"
