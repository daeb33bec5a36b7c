"""One place prints: a call elsewhere would pass on what names hold."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = {
    "src/modelway/cli/output.py",
    "src/modelway/escaping.py",
    "src/modelway/serve/events.py",  # the server's log: JSON, escaped as JSON
}
PRINTERS = ("print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.writelines", "sys.stderr.writelines")
BYTES = ("sys.stdout.buffer", "sys.stderr.buffer", "sys.__stdout__", "sys.__stderr__")


def found() -> dict[str, set[str]]:
    """What each file of the package and of the Dagger module prints by."""
    printing: dict[str, set[str]] = {}
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "ci" / "src").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=func) if (name := ast.unparse(func)) in PRINTERS or name.endswith("console.print"):
                    pass
                case ast.Attribute() if (name := ast.unparse(node)) in BYTES:
                    pass
                case ast.ImportFrom(module=str(name)) | ast.Import(names=[ast.alias(name=name)]) if (
                    name.split(".")[0] == "rich"
                ):
                    pass
                case _:
                    continue
            printing.setdefault(path.relative_to(ROOT).as_posix(), set()).add(name)
    return printing


def test_nothing_else_prints() -> None:
    printing = found()
    assert set(printing) <= PLACES, {path: names for path, names in printing.items() if path not in PLACES}
    assert "print" in printing["src/modelway/cli/output.py"]
