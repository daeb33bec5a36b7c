"""A model of the user's own, `module:function`: the module where it is there, else one to begin with."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelway.errors import InputError, UsageError
from modelway.records.data import Task

if TYPE_CHECKING:
    from pathlib import Path

_BEGINNING = '''\
"""The model of NAME, which modelway.yaml names as `MODULE:FUNCTION`: anything with scikit-learn's interface."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import CLASS
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def FUNCTION(**params: Any) -> Pipeline:
    """An estimator that is not fitted yet.

    Args:
        params: `fit.estimator.params` of the settings.
    """
    return make_pipeline(StandardScaler(), CLASS(**params))
'''


def module_path(model: str) -> str:
    """The file of a module that lies beside the settings, with forward slashes."""
    return model.partition(":")[0].replace(".", "/") + ".py"


def find_module(root: Path, model: str) -> bool:
    """Whether the module is there and has the function.

    Raises:
        InputError: the module is there and can't be parsed.
        UsageError: it is there and has no such function.
    """
    name = module_path(model)
    paths = (root / name, root / name.removesuffix(".py") / "__init__.py")
    path = next((one for one in paths if one.is_file()), None)
    if path is None:
        return False
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"this is no Python: {error}", where=str(path), remedy="Correct the module.") from error
    function = model.partition(":")[2]
    if function not in _names(tree):
        raise UsageError(
            f"the module {model.partition(':')[0]} has no {function!r}",
            where=str(path),
            remedy="Name a function of it that gives an estimator, as --model module:function.",
        )
    return True


def new_module(name: str, model: str, task: Task) -> str:
    """A module to begin with: a linear model, fitted on scaled features."""
    module, _, function = model.partition(":")
    estimator = "LogisticRegression" if task is Task.CLASSIFICATION else "Ridge"
    text = _BEGINNING.replace("NAME", name).replace("MODULE", module).replace("FUNCTION", function)
    return text.replace("CLASS", estimator)


def _names(tree: ast.Module) -> set[str]:
    """What a module defines or imports at its top, `*` for whatever it imports so."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
