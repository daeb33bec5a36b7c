"""What a bundle says that its model takes and gives, and which packages load it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import modelway
from modelway.bundle import packages, write_signature
from modelway.records.bundle import Signature
from modelway.records.data import Column, ColumnType, Task
from modelway.records.features import CategoryFeature, FeatureSpec
from modelway.records.fit import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path


def signature(
    folder: Path,
    column: Column,
    known: tuple[str, ...] | None = None,
    task: Task = Task.REGRESSION,
    classes: tuple[str, ...] = (),
    threshold: float = 0.5,
) -> Signature:
    """Write the signature of a model with the columns z and c, of which c is the given one; z is a plain number."""
    info = ModelInfo(task=task, target="y", classes=classes, inputs={"z": ColumnType.NUMBER, "c": column.type})
    features = (
        () if known is None else (CategoryFeature(kind="category", column="c", encode="ordinal", categories=known),)
    )
    columns = {"c": column, "y": Column(type=ColumnType.NUMBER), "z": Column(type=ColumnType.NUMBER)}
    made = write_signature(folder, info, FeatureSpec(features=features, names=()), columns, threshold)
    assert Signature.from_json((folder / "signature.json").read_bytes()) == made
    return made


class TestColumns:
    """A request must hold what the data set must; training alone closes no list of categories."""

    @pytest.mark.parametrize(
        ("values", "known", "listed", "closed"),
        [
            (("a", "b"), ("a",), ("a", "b"), True),
            (("a", "b"), None, ("a", "b"), True),
            (None, ("a", "c"), ("a", "c"), False),
            (None, None, None, False),
            (None, (), (), False),
            ((), ("a",), (), True),
        ],
    )
    def test_categories_are_closed_by_the_settings_alone(
        self,
        tmp_path: Path,
        values: tuple[str, ...] | None,
        known: tuple[str, ...] | None,
        listed: tuple[str, ...] | None,
        closed: bool,
    ) -> None:
        column = Column(type=ColumnType.CATEGORY).model_copy(update={"values": values})
        number, found = signature(tmp_path, column, known).columns
        assert (found.values, found.refuse_unseen) == (listed, closed)
        assert (number.values, number.refuse_unseen) == (None, False)

    @pytest.mark.parametrize("nullable", [True, False])
    @pytest.mark.parametrize(
        "column",
        [
            Column(type=ColumnType.NUMBER, min=1.0, max=9.0),
            Column(type=ColumnType.INTEGER, min=0),
            Column(type=ColumnType.INTEGER, max=0),
            Column(type=ColumnType.DATE, format="%d.%m.%Y"),
            Column(type=ColumnType.BOOLEAN),
            Column(type=ColumnType.TEXT),
        ],
    )
    def test_limits_are_those_of_the_data_set(self, tmp_path: Path, column: Column, nullable: bool) -> None:
        column = column.model_copy(update={"nullable": nullable})
        made = signature(tmp_path, column)
        assert [one.name for one in made.columns] == ["z", "c"]  # as the model takes them, without the target
        names = ("type", "nullable", "min", "max", "format")
        assert [getattr(made.columns[1], name) for name in names] == [getattr(column, name) for name in names]


@pytest.mark.parametrize(
    ("task", "classes", "outputs"),
    [
        (Task.REGRESSION, (), {"prediction": "number"}),
        (
            Task.CLASSIFICATION,
            ("no", "yes"),
            {"prediction": "string", "probability_no": "number", "probability_yes": "number"},
        ),
        (
            Task.CLASSIFICATION,
            ("c", "a", "b"),
            {"prediction": "string", "probability_c": "number", "probability_a": "number", "probability_b": "number"},
        ),
    ],
)
def test_outputs_are_the_prediction_and_each_class_in_order(
    tmp_path: Path, task: Task, classes: tuple[str, ...], outputs: dict[str, str]
) -> None:
    made = signature(tmp_path, Column(type=ColumnType.NUMBER), None, task, classes, 0.3)
    assert [(one.name, one.type) for one in made.outputs] == list(outputs.items())
    assert (made.task, made.target, made.classes, made.threshold) == (task, "y", classes, 0.3)


INSTALLED: dict[str, tuple[str, tuple[str, ...]]] = {
    "top": (
        "1.0",
        (
            "plain",
            "versioned<9,>=2",
            "Odd_Name.With-Dots",
            'needed-here; python_version >= "3"',
            'needed-nowhere; python_version < "3"',
            'of-an-extra; extra == "more"',
            'here-of-an-extra; python_version >= "3" and extra == "more"',
            'either; python_version < "3" or os_name != "none"',
            "with-extra[more]>=1",
            "not-installed",
            "modelway>=0",
        ),
    ),
    "plain": ("2.0", ("deep",)),
    "deep": ("3.0", ('deepest; python_version > "2"', "top")),  # a circle
    "deepest": ("4.0", ()),
    "with-extra": ("5.0", ('of-that-extra; extra == "more"',)),
    **dict.fromkeys(
        (
            "versioned", "odd-name-with-dots", "needed-here", "needed-nowhere", "of-an-extra", "here-of-an-extra",
            "either", "of-that-extra", "modelway",
        ),
        ("6.0", ()),
    ),
}  # fmt: skip


class TestPackages:
    """What is installed of the packages that load a model, and of what those need here (PEP 508), without extras."""

    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def distribution(name: str) -> Any:
            if name not in INSTALLED:
                raise PackageNotFoundError(name)
            version, requires = INSTALLED[name]
            return SimpleNamespace(version=version, requires=requires or None)

        monkeypatch.setattr(packages, "distribution", distribution)

    @staticmethod
    def needed(monkeypatch: pytest.MonkeyPatch, form: str, **info: Any) -> list[str]:
        """The names of the packages that a model with these trusted types and functions needs."""
        monkeypatch.setattr(packages, "_CORE", ("deepest",))
        monkeypatch.setattr(packages, "_BY_FORMAT", {"onnx": ("plain",), "skops": ("versioned",)})
        known = {"mine": ["needed-here", "either"], "other": ["of-an-extra"], "lightgbm": ["odd-name-with-dots"]}
        monkeypatch.setattr(packages, "packages_distributions", lambda: known)
        functions = [SimpleNamespace(kind="custom", function=name) for name in info.get("functions", ())]
        features: Any = SimpleNamespace(features=[*functions, SimpleNamespace(kind="category")])
        made: Any = SimpleNamespace(trusted=info.get("trusted", ()))
        found = packages.needed_packages(made, features, form)
        assert next(iter(found.items())) == ("modelway", modelway.__version__)
        return list(found)[1:]

    def test_closure_holds_what_is_needed_here(self) -> None:
        assert list(packages._closure(["top", "TOP", "nothing"]).items()) == [
            ("deep", "3.0"),
            ("deepest", "4.0"),
            ("either", "6.0"),
            ("needed-here", "6.0"),
            ("odd-name-with-dots", "6.0"),
            ("plain", "2.0"),
            ("top", "1.0"),
            ("versioned", "6.0"),
            ("with-extra", "5.0"),
        ]

    def test_roots_are_those_of_the_form_and_of_the_users_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def needed(form: str, **info: Any) -> set[str]:
            return set(self.needed(monkeypatch, form, **info))

        monkeypatch.setitem(INSTALLED, "pyarrow", ("7.0", ()))
        onnx = {
            "deepest",
            "plain",
            "deep",
            "top",
            "either",
            "needed-here",
            "odd-name-with-dots",
            "versioned",
            "with-extra",
        }
        skops = {"deepest", "versioned", "odd-name-with-dots"}
        assert needed("onnx") == onnx
        assert needed("onnx", trusted=("other.Type",)) == onnx  # ONNX holds no Python types
        assert needed("skops") == skops
        assert needed("skops", trusted=("other.sub.Type",)) == skops | {"of-an-extra"}
        assert needed("skops", functions=("mine.sub:function",)) == skops | {"needed-here", "either", "pyarrow"}
        assert needed("onnx", functions=("mine:function",)) == onnx | {"pyarrow"}
        assert needed("skops", functions=("unknown:function",)) == skops | {"pyarrow"}

    def test_lines_name_each_version(self) -> None:
        assert packages.requirement_lines({"b": "1.0", "a": "2.0rc1"}) == ["b==1.0", "a==2.0rc1"]
