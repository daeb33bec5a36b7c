"""A mutation of the gates' own code makes a fault case fail: the cases do guard what they seem to guard.

`gates.py` is mutated everywhere (comparisons, verdicts, conditions, signs, constants); the modules that feed it are
mutated by hand, where a slip would let a bad model through.
"""

from __future__ import annotations

import ast
import copy
import importlib
import itertools
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import modelway.evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = Path(modelway.evaluate.__file__).parent
PACKAGE = "modelway.evaluate"
_numbers = itertools.count()


class Slip(NamedTuple):
    """A slip of the pen and the case that notices it."""

    case: str
    file: str
    text: str
    replacement: str


SLIPS = {
    "arms swapped in the difference": Slip(
        "worse_model_and_swapped_arms", "measure.py", "sign * (ours - theirs)", "sign * (theirs - ours)"
    ),
    "arms swapped in the draws": Slip(
        "worse_model_and_swapped_arms",
        "measure.py",
        "candidate.draws(metric) - reference.draws(metric)",
        "reference.draws(metric) - candidate.draws(metric)",
    ),
    "direction of the metric forgotten": Slip(
        "worse_model_and_swapped_arms", "measure.py", "sign = metric.orient(1.0)", "sign = 1.0"
    ),
    "one bound for both sides": Slip(
        "champion_confidence", "measure.py", "(1 - confidence, confidence))", "(confidence, confidence))"
    ),
    "bounds in the wrong order": Slip(
        "champion_confidence", "measure.py", "(1 - confidence, confidence))", "(confidence, 1 - confidence))"
    ),
    "undefined resamples ignored": Slip(
        "champion_without_evidence", "measure.py", "LEAST_DEFINED = 0.95", "LEAST_DEFINED = 0.5"
    ),
    "difference of an undefined value": Slip(
        "champion_without_evidence",
        "measure.py",
        "        if not np.isfinite(self.value):\n            return None\n        return _quantiles",
        "        return _quantiles",
    ),
    "a tie by value alone": Slip(
        "champion_without_evidence", "measure.py", "self.value == 0 and not defined.any()", "self.value == 0"
    ),
    "candidate compared with itself": Slip(
        "worse_model_and_swapped_arms",
        "stage.py",
        "rows_of(self.problem, self.target, champion, ",
        "rows_of(self.problem, self.target, self.scores, ",
    ),
    "same digest not seen": Slip("model_against_itself", "stage.py", "model_digest == champion_digest", "False"),
    "champion's scores not checked": Slip(
        "champion_scores_that_are_none",
        "stage.py",
        "return find_flaw(held_out.problem, classes, len(held_out.rows), held_out.target, champion)",
        "return None",
    ),
    "absent champion counts as first model": Slip(
        "champion_scores_that_are_none",
        "stage.py",
        "if champion is None and champion_digest is None:",
        "if champion is None:",
    ),
    "unnamed champion accepted": Slip("champion_scores_that_are_none", "stage.py", "if digest is None:", "if False:"),
    "candidate's scores not checked": Slip(
        "scores_that_are_none", "stage.py", "flaw = find_flaw(problem, classes, rows, target, candidate)", "flaw = None"
    ),
    "empty test set measured": Slip(
        "empty_test_set", "stage.py", "if flaw is not None or rows == 0:", "if flaw is not None:"
    ),
    "minimum judged as maximum": Slip(
        "good_model_passes", "stage.py", "gates.judge_minimum(name", "gates.judge_maximum(name"
    ),
    "maximum gate forgotten": Slip("metric_missing", "stage.py", "in wanted.maximum.items()", "in ()"),
    "disabled champion gate judged": Slip("disabled_gates", "stage.py", "if wanted.champion.enabled:", "if True:"),
    "scores verdict left out": Slip("scores_that_are_none", "stage.py", "(scores_verdict, *verdicts,", "(*verdicts,"),
    "benchmark verdicts left out": Slip("broken_benchmark", "stage.py", "*verdicts, *part_verdicts)", "*verdicts)"),
    "target looked at as a column": Slip("harmless_columns", "stage.py", " - {dataset.target}", ""),
    "columns the model does not read judged": Slip(
        "leaking_columns", "stage.py", "dataset.columns if inputs is None else inputs", "dataset.columns"
    ),
    "bias of an absent column invented": Slip(
        "biased_model", "bias.py", "if len(rates) < 2 or len(known) < len(rates):", "if not known:"
    ),
    "best group instead of the worst": Slip(
        "biased_model", "bias.py", "primary.orient(overall - value)", "primary.orient(value - overall)"
    ),
    "small groups judged": Slip("biased_model", "bias.py", "judged=len(group.index) >= min_rows", "judged=True"),
    "true rate of a group without positives": Slip(
        "biased_model", "bias.py", "counts[:, 2:].sum(axis=1) > 0", "counts[:, 2:].sum(axis=1) >= 0"
    ),
    "least odds instead of the greatest": Slip(
        "biased_model", "bias.py", "max(true_rate, false_rate)", "min(true_rate, false_rate)"
    ),
    "NaN not seen": Slip("scores_that_are_none", "checks.py", "~np.isfinite(values)", "np.isinf(values)"),
    "infinity not seen": Slip("scores_that_are_none", "checks.py", "~np.isfinite(values)", "np.isnan(values)"),
    "sum of probabilities not checked": Slip("scores_that_are_none", "checks.py", "> SUM_TOLERANCE", "> 2"),
    "negative probability not seen": Slip(
        "scores_that_are_none", "checks.py", "probability.min() < 0", "probability.min() < -1"
    ),
    "negative class not seen": Slip("scores_that_are_none", "checks.py", "values.min() < 0 or ", ""),
    "class too great not seen": Slip(
        "scores_that_are_none", "checks.py", "values.max() >= classes", "values.max() > classes"
    ),
    "constant predictor not seen": Slip(
        "constant_and_useless_predictors",
        "compare.py",
        "constant=_equal(ours, ours[:1], candidate.rows)",
        "constant=False",
    ),
    "copied baseline not seen": Slip(
        "baseline_copied_from_candidate",
        "compare.py",
        "identical=_equal(ours, theirs, candidate.rows)",
        "identical=False",
    ),
    "rounding takes a copy apart": Slip("baseline_copied_from_candidate", "compare.py", "SAME = 1e-9", "SAME = 0"),
    "trivial predictor unknown but beaten": Slip(
        "constant_and_useless_predictors", "compare.py", "if trivial is None:", "if False:"
    ),
    "reversed column not seen": Slip(
        "leaking_columns", "leakage.py", "best = max(best, alone, 1 - alone)", "best = max(best, alone)"
    ),
    "ids look like leaks": Slip(
        "harmless_columns",
        "leakage.py",
        "for learn, apply in ((half, ~half), (~half, half)):",
        "for learn, apply in ((half, half), (~half, ~half)):",
    ),
    "missing values not seen": Slip(
        "leaking_columns",
        "leakage.py",
        "np.where(present, np.clip(np.nan_to_num(bins), 0, BINS - 1), BINS)",
        "np.clip(np.nan_to_num(bins), 0, BINS - 1)",
    ),
    "ranks left out": Slip("leaking_columns", "leakage.py", "return code, rank if ", "return code, None if "),
    "one class alone tells nothing": Slip(
        "one_class_only", "leakage.py", "common = common[common == 1]", "common = np.array([1])"
    ),
}
"""By what goes wrong."""

EQUIVALENT = {
    "found is None -> False",  # mypy needs it; without a difference there are no bounds, and bounds are asked next
}
"""Mutations of `gates.py` that change nothing anyone can see."""


def _holds(function: Any, room: Any) -> bool:
    try:
        return all(said == wanted for said, wanted in function(room))
    except Exception:  # noqa: BLE001 - a mutant may break in any way
        return False


@pytest.fixture
def mutant(tmp_path: Path, load_room: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives a copy of the room with one file changed, as a package of another name."""
    name = f"mutant_{next(_numbers)}"
    monkeypatch.syspath_prepend(tmp_path)

    def make(file: str, source: str) -> Any:
        shutil.copytree(ROOM, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / name / file).write_text(source, encoding="utf-8")
        for path in (tmp_path / name).glob("*.py"):
            path.write_text(path.read_text(encoding="utf-8").replace(PACKAGE, name), encoding="utf-8")
        importlib.invalidate_caches()
        return load_room(name)

    yield make
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


def test_copy_of_the_room_holds_every_case(fault_cases: dict[str, Any], mutant: Any) -> None:
    room = mutant("gates.py", (ROOM / "gates.py").read_text(encoding="utf-8"))

    assert [name for name, function in fault_cases.items() if not _holds(function, room)] == []


@pytest.mark.parametrize("name", SLIPS)
def test_slip_is_noticed(name: str, fault_cases: dict[str, Any], mutant: Any) -> None:
    slip = SLIPS[name]
    source = (ROOM / slip.file).read_text(encoding="utf-8")
    assert source.count(slip.text) == 1, f"{slip.file} no longer holds {slip.text!r} once"
    room = mutant(slip.file, source.replace(slip.text, slip.replacement))

    assert not _holds(fault_cases[slip.case], room)


def test_every_mutation_of_the_gates_is_noticed(gate_cases: dict[str, Any], load_room: Any) -> None:
    room = vars(load_room(PACKAGE))
    survivors, number = [], 0
    for label, source in _mutations((ROOM / "gates.py").read_text(encoding="utf-8")):
        number += 1
        gates = ModuleType("mutated_gates")
        exec(compile(source, "gates.py", "exec"), vars(gates))
        if all(_holds(function, SimpleNamespace(**{**room, "gates": gates})) for function in gate_cases.values()):
            survivors.append(label)

    assert number > 80
    assert {label.split(": ", 1)[1] for label in survivors} <= EQUIVALENT, survivors


def _mutations(source: str) -> Iterator[tuple[str, str]]:
    """Every mutated source with what was changed, as `line: old -> new`."""
    tree = ast.parse(source)
    for index, node in enumerate(ast.walk(tree)):
        for replacement in _replacements(node):
            mutant = copy.deepcopy(tree)
            old = next(itertools.islice(ast.walk(mutant), index, None))
            new = _Replace(old, replacement).visit(mutant)
            yield f"{node.lineno}: {ast.unparse(node)} -> {ast.unparse(replacement)}", ast.unparse(new)  # type: ignore[attr-defined]


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)


def _replacements(node: ast.AST) -> Iterator[ast.expr]:
    always = (ast.Constant(True), ast.Constant(False))
    if isinstance(node, ast.Compare):
        swaps = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
        if near := swaps.get(type(node.ops[0])):
            yield ast.Compare(node.left, [near()], node.comparators)
        yield from always
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Verdict":
        other = "FAIL" if node.attr == "PASS" else "PASS"
        yield ast.Attribute(node.value, other, node.ctx)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.If) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        return  # the tests themselves are mutated below, as attributes
    elif isinstance(node, ast.Attribute) and node.attr in {"waived", "same_model", "identical", "constant", "is_tie"}:
        yield from always
