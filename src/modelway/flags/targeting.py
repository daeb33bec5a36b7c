"""What a targeting rule may give, found without evaluating it (flagd.dev/reference/flag-definitions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def unknown_variant(rule: Any, variants: Mapping[str, Any], evaluators: Mapping[str, Any]) -> str | None:
    """A result of the rule that is none of the flag's variants; None where all that can be told are.

    Results of `if` and `fractional` are looked at, through `$ref`; what other operators give is known per key only.

    Args:
        rule: the flag's `targeting`, of bounded depth.
        variants: the flag's.
        evaluators: the document's `$evaluators`.
    """
    return next((name for name in _results(rule, evaluators, frozenset()) if name not in variants), None)


def _results(rule: Any, evaluators: Mapping[str, Any], seen: frozenset[str]) -> Iterator[str]:
    """The texts that flagd would look up among the variants."""
    if rule is None:
        return  # the flag's default
    if isinstance(rule, bool):
        yield str(rule).lower()
    elif not isinstance(rule, dict):
        yield str(rule)
    elif len(rule) != 1:
        yield "an object of several operators"
    else:
        yield from _results_of(*next(iter(rule.items())), evaluators, seen)


def _results_of(operator: str, arguments: Any, evaluators: Mapping[str, Any], seen: frozenset[str]) -> Iterator[str]:
    given = arguments if isinstance(arguments, list) else [arguments]
    if operator == "$ref":
        name = str(arguments)
        if name in seen or name not in evaluators:
            yield f"the evaluator {name}"
        else:
            yield from _results(evaluators[name], evaluators, seen | {name})
    elif operator in {"if", "?:"}:
        for number, result in enumerate(given):
            # Conditions and results take turns; a last one without a condition is what is left.
            if number % 2 or number == len(given) - 1:
                yield from _results(result, evaluators, seen)
    elif operator == "fractional":
        for arm in given if given and isinstance(given[0], list) else given[1:]:
            if not isinstance(arm, list) or not arm:
                yield "an arm without a variant"
            else:
                yield from _results(arm[0], evaluators, seen)
