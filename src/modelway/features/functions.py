"""The user's own functions, named in the settings as `module:function`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modelway.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable


def resolve(reference: str) -> Callable[..., Any]:
    """The function that `module:function` names; the module is looked up on `sys.path`.

    Raises:
        SettingsError: the module can't be imported, or has no such function.
    """
    module_name, _, name = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise SettingsError(
            f"module {module_name!r} can't be imported: {type(error).__name__}: {error}",
            where=reference,
            remedy="Put the module beside the settings file, and see that it imports without errors.",
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        raise SettingsError(
            f"module {module_name!r} has no function {name!r}",
            where=reference,
            remedy=f"Its functions: {', '.join(known) or 'none'}.",
        )
    result: Callable[..., Any] = function
    return result
