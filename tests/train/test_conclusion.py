"""How a training ends, and what is kept to train its model again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import modelway
from modelway.pipeline.recipe import fit_digest, make_recipe
from modelway.pipeline.train import _conclude
from modelway.records.artifacts import Manifest
from modelway.records.settings import Settings
from modelway.records.verdict import Verdict
from modelway.settings import Override, load_settings

ROOT = Path(__file__).resolve().parents[2]


class TestConclusion:
    """A model that is registered already needs no evidence, only gates that did not fail."""

    @pytest.mark.parametrize(
        ("verdict", "known", "registers", "called", "code"),
        [
            (Verdict.PASS, False, True, True, 0),
            (Verdict.PASS, False, False, False, 0),
            (Verdict.PASS, True, True, True, 0),
            (Verdict.PASS, True, False, False, 0),
            (Verdict.INCONCLUSIVE, False, True, False, 5),
            (Verdict.INCONCLUSIVE, False, False, False, 5),
            (Verdict.INCONCLUSIVE, True, True, True, 0),
            (Verdict.INCONCLUSIVE, True, False, False, 0),
            *(
                (verdict, known, registers, False, 4)
                for verdict in (Verdict.FAIL, Verdict.ERROR)
                for known in (True, False)
                for registers in (True, False)
            ),
        ],
    )
    def test_each_verdict_ends_as_the_registry_would(
        self, verdict: Verdict, known: bool, registers: bool, called: bool, code: int
    ) -> None:
        ours, other = (SimpleNamespace(model_digest=name) for name in ("ours", "other"))
        registry: Any = SimpleNamespace(versions=lambda: [other, ours] if known else [other])
        evaluation: Any = SimpleNamespace(verdict=verdict, model_digest="ours")
        registration: Any = SimpleNamespace(version=ours)
        calls: list[bool] = []

        def registering() -> Any:
            calls.append(True)
            return registration

        found = _conclude(registry, evaluation, registering if registers else None)
        assert (found.exit_code, bool(calls)) == (code, called)
        assert found.evaluation is evaluation
        assert found.registration is (registration if called else None)
        assert found.known is (ours if code == 0 and (known or called) else None)


@pytest.fixture
def settings() -> Settings:
    given = ("fit.search.trials=7", "fit.search.storage=sqlite:///studies.db", "fit.seed=3")
    return load_settings(ROOT / "modelway.yaml", [Override.parse(one) for one in given])


class TestRecipe:
    """A version's recipe holds all that decides the model, and no study of others."""

    def test_recipe_is_that_of_the_fit_without_its_study(self, settings: Settings) -> None:
        manifest = Manifest(kind="model", files={}, inputs={"settings": fit_digest(settings.fit)})
        made = make_recipe(settings, manifest, {"b.csv": "2" * 64, "a.csv": "1" * 64})
        assert made is not None
        assert made.fit.search.storage is None
        assert made.fit.search.model_copy(update={"storage": "sqlite:///studies.db"}) == settings.fit.search
        rest = {"search"}
        assert made.fit.model_dump(exclude=rest) == settings.fit.model_dump(exclude=rest)
        assert (made.prepare, made.modelway) == (settings.prepare, modelway.__version__)
        assert list(made.files.items()) == [("a.csv", "1" * 64), ("b.csv", "2" * 64)]
        assert "studies.db" not in made.to_json()

    @pytest.mark.parametrize("change", ["fit.seed=4", "fit.search.trials=8", "fit.estimator.epochs=3"])
    def test_other_settings_than_those_of_the_fit_make_none(self, settings: Settings, change: str) -> None:
        other = load_settings(ROOT / "modelway.yaml", [Override.parse(change)])
        assert (
            make_recipe(settings, Manifest(kind="model", files={}, inputs={"settings": fit_digest(other.fit)}), {})
            is None
        )
        assert make_recipe(settings, Manifest(kind="model", files={}), {}) is None
