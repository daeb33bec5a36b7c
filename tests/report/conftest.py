"""Made-up but plausible records to draw reports of."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from modelway.records.data import (
    Column,
    ColumnProfile,
    ColumnType,
    Dataset,
    Duplicates,
    HashSplit,
    Task,
    TimeSplit,
)
from modelway.records.evaluate import (
    Bias,
    BiasGroup,
    Comparison,
    Curve,
    Estimate,
    Evaluation,
    GateVerdict,
    Leak,
    Part,
    Slice,
    Timings,
)
from modelway.records.fit import (
    BoostedTreesOptions,
    CustomEstimatorOptions,
    Epoch,
    Fit,
    NeuralNetworkOptions,
    Search,
    Trial,
)
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Case:
    """What a training report is made from."""

    name: str
    dataset: Dataset
    fit: Fit
    evaluation: Evaluation
    timings: Timings | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)

    def with_evaluation(self, **changes: object) -> Case:
        return replace(self, evaluation=self.evaluation.model_copy(update=changes))

    def arguments(self) -> tuple[object, ...]:
        return self.name, self.dataset, self.fit, self.evaluation, self.timings, self.provenance


def around(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + 0.9 * half)


def gate(name: str, verdict: str, reason: str, *, waived: bool = False, **evidence: float | str | bool) -> GateVerdict:
    return GateVerdict(gate=name, verdict=Verdict(verdict), reason=reason, evidence=evidence, waived=waived)


PROVENANCE = {
    "commit": "3f6c2a8e9d1b4c7f0a5e8d2b6c9f1a4e7d0b3c6f",
    "data": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "settings": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "made": "2026-11-23T14:02:11+00:00",
}
VERSIONS = {"python": "3.11.9", "numpy": "2.4.0", "scikit-learn": "1.9.0", "lightgbm": "4.7.0", "pyarrow": "25.0.0"}
KERNEL = {"openblas": "Haswell"}


def history(epochs: int, start: float, floor: float, gap: float) -> tuple[Epoch, ...]:
    made = []
    for epoch in range(1, epochs + 1):
        train = floor + (start - floor) * math.exp(-epoch / (epochs / 5))
        overfit = gap * (epoch / epochs) ** 2
        made.append(Epoch(epoch=epoch, train_loss=train - overfit / 2, validation_loss=train + gap / 4 + overfit / 3))
    return tuple(made)


def number_profile(name: str, low: float, high: float, shape: Callable[[float], float], **more: int) -> ColumnProfile:
    bins = tuple(round(4000 * shape((index + 0.5) / 20)) for index in range(20))
    return ColumnProfile(
        name=name,
        type=ColumnType.NUMBER,
        missing=more.get("missing", 0),
        distinct=more.get("distinct", 4821),
        mean=(low + high) / 2.3,
        std=(high - low) / 5.1,
        min=low,
        max=high,
        histogram=bins,
    )


def category_profile(name: str, values: Mapping[str, int], missing: int = 0) -> ColumnProfile:
    top = tuple(sorted(values.items(), key=lambda item: -item[1]))
    return ColumnProfile(name=name, type=ColumnType.CATEGORY, missing=missing, distinct=len(values), top=top)


def _bell(at: float) -> float:
    return math.exp(-((at - 0.4) ** 2) / 0.05)


def _skewed(at: float) -> float:
    return math.exp(-6 * at)


INCOME_PROFILE = (
    number_profile("age", 17, 90, _bell, distinct=74),
    category_profile("type_employer", {"Private": 15820, "Self-emp-not-inc": 1778, "Local-gov": 1461}, missing=1269),
    category_profile("education", {"HS-grad": 7364, "Some-college": 5101, "Bachelors": 3748, "Masters": 1206}),
    number_profile("education_num", 1, 16, _bell, distinct=16),
    category_profile("occupation", {"Prof-specialty": 2890, "Craft-repair": 2871, "Exec-managerial": 2841}, 1273),
    number_profile("capital_gain", 0, 99999, _skewed, distinct=117),
    number_profile("hr_per_week", 1, 99, _bell, distinct=94),
    category_profile("race", {"White": 19480, "Black": 2187, "Asian-Pac-Islander": 727, "Other": 190}),
    category_profile("sex", {"Male": 15252, "Female": 7541}),
    category_profile("income", {"<=50K": 17305, ">50K": 5488}),
)


def _income_search(rng: random.Random) -> Search:
    trials = []
    for number in range(40):
        params = {
            "learning_rate": round(10 ** rng.uniform(-2, -0.5), 6),
            "num_leaves": rng.randint(8, 127),
            "min_child_samples": rng.randint(5, 100),
            "subsample": rng.uniform(0.5, 1),
            "colsample": rng.uniform(0.5, 1),
        }
        state = "failed" if number == 17 else "pruned" if number > 8 and rng.random() < 0.35 else "complete"
        value = 0.276 + abs(rng.gauss(0, 0.012)) / (1 + number / 12) if state == "complete" else None
        trials.append(Trial(number=number, params=params, value=1.93 if number == 3 else value, state=state))
    best = min((trial.value, trial.number) for trial in trials if trial.value is not None)[1]
    return Search(trials=tuple(trials), best=best)


def _binary_curves() -> tuple[Curve, ...]:
    steps = [index / 150 for index in range(151)]
    bins = [0.04, 0.14, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.96]
    return (
        Curve(name="roc", x=tuple(steps), y=tuple(1 - (1 - x**0.33) ** 1.3 for x in steps)),
        Curve(name="precision_recall", x=tuple(steps), y=tuple(1 - 0.75 * x**3.4 for x in steps)),
        Curve(
            name="calibration",
            x=tuple(bins),
            y=tuple(x + 0.05 * math.sin(9 * x) for x in bins),
            size=(5200.0, 900.0, 560.0, 410.0, 340.0, 330.0, 320.0, 380.0, 500.0, 828.0),
        ),
    )


def _income_slices() -> tuple[Slice, ...]:
    found = {
        "sex": {"Female": (3212, 0.936, 0.008), "Male": (6556, 0.902, 0.007)},
        "race": {
            "White": (8340, 0.912, 0.006),
            "Black": (940, 0.931, 0.018),
            "Asian-Pac-Islander": (312, 0.887, 0.034),
            "Amer-Indian-Eskimo": (95, 0.941, 0.051),
            "Other": (81, 0.968, 0.03),
        },
        "age": {"17 to 28": (2490, 0.948, 0.013), "28 to 37": (2401, 0.907, 0.011), "37 to 48": (2444, 0.884, 0.012)},
    }
    return tuple(
        Slice(
            column=column,
            value=value,
            rows=rows,
            metrics={"roc_auc": around(area, half), "accuracy": around(area - 0.05, half)},
        )
        for column, values in found.items()
        for value, (rows, area, half) in values.items()
    )


def _income_bias() -> tuple[Bias, ...]:
    def group(value: str, rows: int, rates: tuple[float, float, float], primary: float) -> BiasGroup:
        selection, hit, false = rates
        return BiasGroup(
            value=value,
            rows=rows,
            judged=rows >= 50,
            selection_rate=selection,
            true_positive_rate=hit,
            false_positive_rate=false,
            primary=primary,
        )

    sex = (group("Female", 3212, (0.081, 0.572, 0.021), 0.936), group("Male", 6556, (0.262, 0.668, 0.083), 0.902))
    race = (
        group("White", 8340, (0.214, 0.661, 0.066), 0.912),
        group("Black", 940, (0.098, 0.579, 0.031), 0.931),
        group("Other", 31, (0.129, 0.5, 0.04), 0.968),
    )
    return (
        Bias(column="sex", groups=sex, demographic_parity=0.181, equalized_odds=0.096, worst_group=0.013),
        Bias(column="race", groups=race, demographic_parity=0.216, equalized_odds=0.082, worst_group=0.003),
    )


def _income_gates() -> tuple[GateVerdict, ...]:
    race = "bias.race.demographic_parity"
    return (
        gate("scores", "pass", "there are usable scores of 9768 rows", rows=9768),
        gate("minimum.roc_auc", "pass", "roc_auc 0.9142 is at least 0.9", value=0.9142, bound=0.9),
        gate(
            "champion",
            "inconclusive",
            "roc_auc is better than the champion's by -0.0041 (-0.0071 to -0.0012), "
            "which does not tell whether it is above -0.005",
            rows=9768,
            difference=-0.0041,
            lower=-0.0071,
            upper=-0.0012,
            floor=-0.005,
            confidence=0.95,
        ),
        gate(
            "trivial",
            "pass",
            "roc_auc is better than the trivial predictor's by 0.4142 (0.408 to 0.4199), above 0 at 95% confidence",
            difference=0.4142,
            floor=0.0,
        ),
        gate("bias.sex.demographic_parity", "pass", "0.181 over 2 groups is at most 0.2", value=0.181, bound=0.2),
        gate("bias.sex.equalized_odds", "pass", "0.096 over 2 groups is at most 0.2", value=0.096, bound=0.2),
        gate("bias.sex.worst_group", "pass", "0.013 over 2 groups is at most 0.1", value=0.013, bound=0.1),
        gate(race, "fail", "0.216 over 2 groups is not at most 0.2", value=0.216, bound=0.2, groups=2),
        gate("bias.race.equalized_odds", "pass", "0.082 over 2 groups is at most 0.2", value=0.082, bound=0.2),
        gate(
            "leakage",
            "pass",
            "the best single column, relationship, reaches 0.7682, below 0.99",
            column="relationship",
            score=0.7682,
            threshold=0.99,
        ),
    )


def make_binary() -> Case:
    """A search, a champion that is better, and a bias gate that fails."""
    dataset = Dataset(
        task=Task.CLASSIFICATION,
        target="income",
        classes=("<=50K", ">50K"),
        columns={one.name: Column(type=one.type, nullable=one.missing > 0) for one in INCOME_PROFILE},
        split=HashSplit(),
        rows={"train": 22793, "validation": 3256, "test": 9768, "benchmarks/california": 1204},
        target_rates={"<=50K": 0.7592, ">50K": 0.2408},
        duplicates=Duplicates(rows=14, examples=(88, 1031, 2204, 2871, 5120)),
        profile=INCOME_PROFILE,
        source={"adult.csv": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"},
    )
    importance = {"relationship": 0.241, "capital_gain": 0.187, "education_num": 0.141, "age": 0.122, "fnlwgt": 0.083}
    importance |= {"occupation": 0.08, "hr_per_week": 0.062, "capital_loss": 0.051, "country": 0.028, "race": 0.005}
    fit = Fit(
        estimator=BoostedTreesOptions(learning_rate=0.0713, num_leaves=48, epochs=400),
        seed=0,
        epochs=214,
        loss="log_loss",
        history=history(224, 0.55, 0.262, 0.02),
        search=_income_search(random.Random(3)),
        importance=importance,
        kernel=KERNEL,
        versions=VERSIONS,
    )
    metrics = {
        "average_precision": around(0.7981, 0.0122),
        "log_loss": around(0.2931, 0.0079),
        "roc_auc": around(0.9142, 0.0057),
        "brier": around(0.0921, 0.0031),
        "accuracy": around(0.8679, 0.0068),
        "precision": around(0.7712, 0.0179),
        "recall": around(0.6471, 0.0191),
        "f1": around(0.7037, 0.0157),
        "expected_calibration_error": around(0.0121, 0.0041),
    }
    evaluation = Evaluation(
        task=Task.CLASSIFICATION,
        primary="roc_auc",
        rows=9768,
        confidence=0.95,
        metrics=metrics,
        model_digest="a3f5" * 16,
        champion_digest="77b0" * 16,
        comparison=Comparison(
            metric="roc_auc",
            candidate=0.9142,
            champion=0.9183,
            difference=Estimate(value=-0.0041, low=-0.0071, high=-0.0012),
        ),
        slices=_income_slices(),
        bias=_income_bias(),
        curves=_binary_curves(),
        confusion=((6975, 451), (826, 1516)),
        classes=("<=50K", ">50K"),
        leaks=tuple(Leak(column=name, score=0.77 - 0.03 * place) for place, name in enumerate(importance)),
        benchmarks=(Part(name="california", rows=1204, metrics={"roc_auc": around(0.8931, 0.0182)}),),
        size_bytes=1_412_331,
        gates=_income_gates(),
        verdict=Verdict.FAIL,
    )
    timings = Timings(
        seconds={"prepare": 0.412, "fit": 92.61, "evaluate": 2.204, "register": 0.321},
        latency_ms={"p50": 0.412, "p95": 0.631, "p99": 1.204},
    )
    return Case("income", dataset, fit, evaluation, timings, PROVENANCE)


def make_multiclass(classes: int = 7) -> Case:
    """A neural network over several classes; everything passes."""
    names = tuple(f"species {index + 1}" for index in range(classes))
    rng = random.Random(5)
    confusion = tuple(
        tuple(rng.randint(80, 140) if row == column else rng.randint(0, 14) for column in range(classes))
        for row in range(classes)
    )
    profile = (
        *(number_profile(f"petal_{index}", 0.1, 6.9, _bell if index % 2 else _skewed) for index in range(4)),
        category_profile("species", {name: 600 - 40 * index for index, name in enumerate(names)}),
    )
    dataset = Dataset(
        task=Task.CLASSIFICATION,
        target="species",
        classes=names,
        columns={one.name: Column(type=one.type) for one in profile},
        split=HashSplit(key=("plant",)),
        rows={"train": 3360, "validation": 480, "test": sum(map(sum, confusion))},
        target_rates=dict.fromkeys(names, 1 / classes),
        duplicates=Duplicates(rows=0),
        profile=profile,
        source={"flowers.parquet": "0f" * 32},
    )
    fit = Fit(
        estimator=NeuralNetworkOptions(kind="neural_network", hidden=(64, 32)),
        seed=7,
        epochs=38,
        loss="log_loss",
        history=history(48, 1.9, 0.31, 0.08),
        importance={"petal_0": 0.5, "petal_1": 0.3, "petal_2": 0.15, "petal_3": 0.05},
        versions=VERSIONS,
    )
    evaluation = Evaluation(
        task=Task.CLASSIFICATION,
        primary="log_loss",
        rows=dataset.rows["test"],
        confidence=0.9,
        metrics={
            "log_loss": around(0.4312, 0.0279),
            "roc_auc": around(0.9713, 0.0057),
            "accuracy": around(0.8714, 0.021),
            "macro_f1": around(0.8691, 0.022),
        },
        model_digest="b1" * 32,
        confusion=confusion,
        classes=names,
        comparison=Comparison(
            metric="log_loss",
            candidate=0.4312,
            champion=0.4519,
            difference=Estimate(value=0.0207, low=0.004, high=0.0369),
        ),
        size_bytes=48_120,
        gates=(
            gate(
                "champion", "pass", "log_loss is better than the champion's by 0.0207 (0.004 to 0.0369)", floor=-0.005
            ),
            gate(
                "trivial", "pass", "log_loss is better than the trivial predictor's by 1.51 (1.48 to 1.54)", floor=0.0
            ),
        ),
        verdict=Verdict.PASS,
    )
    return Case("flowers", dataset, fit, evaluation, Timings(seconds={"fit": 4.2, "evaluate": 0.81}), PROVENANCE)


def make_regression() -> Case:
    """Split by time, a numeric target; the first model of its name."""
    rng = random.Random(11)
    predicted = sorted(rng.expovariate(1 / 190) for _ in range(500))
    actual = [value + rng.gauss(0, 12 + 0.16 * value) for value in predicted]
    profile = (
        number_profile("temp", 0.02, 1, _bell, distinct=50),
        number_profile("hum", 0, 1, _bell, distinct=89),
        category_profile("weathersit", {"1": 9203, "2": 3612, "3": 1081, "4": 7}),
        number_profile("cnt", 1, 977, _skewed, distinct=869),
    )
    dataset = Dataset(
        task=Task.REGRESSION,
        target="cnt",
        columns={one.name: Column(type=one.type) for one in profile},
        split=TimeSplit(by="time", column="dteday"),
        rows={"train": 12165, "validation": 1738, "test": 3476},
        target_mean=174.31,
        duplicates=Duplicates(rows=0),
        profile=profile,
        source={"bike_hour.csv": "1d" * 32},
    )
    evaluation = Evaluation(
        task=Task.REGRESSION,
        primary="r2",
        rows=3476,
        confidence=0.95,
        metrics={
            "r2": around(0.9214, 0.0079),
            "rmse": around(62.31, 2.31),
            "mae": around(41.07, 1.42),
            "median_absolute_error": around(25.8, 1.1),
        },
        model_digest="c4" * 32,
        curves=(
            Curve(name="predicted_actual", x=tuple(predicted), y=tuple(actual)),
            Curve(name="residuals", x=tuple(predicted), y=tuple(b - a for a, b in zip(predicted, actual, strict=True))),
        ),
        leaks=(Leak(column="hr", score=0.5021), Leak(column="temp", score=0.1634)),
        size_bytes=3_204_992,
        slices=tuple(
            Slice(column="hr", value=f"{low} to {low + 6}", rows=870, metrics={"r2": around(0.7 + low / 90, 0.02)})
            for low in (0, 6, 12, 18)
        ),
        gates=(
            gate(
                "champion",
                "inconclusive",
                "there is no champion to compare with; the settings let a first model through",
                waived=True,
            ),
            gate(
                "trivial",
                "pass",
                "r2 is better than the trivial predictor's by 0.9214 (0.913 to 0.929), above 0 at 95% confidence",
            ),
            gate("leakage", "pass", "the best single column, hr, reaches 0.5021, below 0.99", threshold=0.99),
        ),
        verdict=Verdict.PASS,
    )
    fit = Fit(
        estimator=BoostedTreesOptions(epochs=800),
        seed=0,
        epochs=800,
        loss="l2",
        history=history(800, 31000, 2900, 900),
        importance={"hr": 0.61, "temp": 0.17, "weathersit": 0.12, "hum": 0.1},
        kernel=KERNEL,
        versions=VERSIONS,
    )
    return Case("bikes", dataset, fit, evaluation, Timings(seconds={"fit": 3821.4}), PROVENANCE)


def make_minimal() -> Case:
    """Nothing that may be absent is there."""
    dataset = Dataset(
        task=Task.CLASSIFICATION,
        target="y",
        classes=("no", "yes"),
        columns={"y": Column(type=ColumnType.CATEGORY)},
        split=HashSplit(),
        rows={"train": 1, "validation": 0, "test": 1},
        duplicates=Duplicates(rows=0),
        profile=(),
        source={},
    )
    evaluation = Evaluation(
        task=Task.CLASSIFICATION,
        primary="roc_auc",
        rows=1,
        confidence=0.95,
        metrics={"roc_auc": Estimate(value=None)},
        model_digest="d0" * 32,
        size_bytes=812,
        gates=(gate("minimum.roc_auc", "error", "roc_auc is not defined on these rows", bound=0.9),),
        verdict=Verdict.ERROR,
    )
    fit = Fit(estimator=CustomEstimatorOptions(kind="custom", function="mine:make", params={"depth": 3}), seed=0)
    return Case("first", dataset, fit, evaluation)


def make_crowded(text: str = "<script>alert(1)</script>") -> Case:
    """Two hundred columns, a hundred slices, thirty classes, and names and categories that go on and on."""
    base = make_multiclass(30)
    names = tuple(f"{text} class {index:02} ".ljust(50, "x") for index in range(30))
    long = f"{text} category " + "long " * 60
    profile = tuple(
        category_profile(f"{text} column {index} " + "c" * 60, {f"{long}{rank}": 900 - rank for rank in range(10)})
        if index % 2
        else number_profile(f"{text} number {index}", -1e7, 1e7, _bell)
        for index in range(200)
    )
    slices = tuple(
        Slice(
            column=f"{text} column {index // 20}",
            value=f"{long}{index}",
            rows=50 + index,
            metrics={name: around(0.5 + index / 250, 0.05) for name in base.evaluation.metrics},
        )
        for index in range(100)
    )
    groups = tuple(
        BiasGroup(value=f"{long}{index}", rows=40 + index, judged=index > 9, primary=0.8) for index in range(30)
    )
    gates = tuple(
        gate(f"bias.{text} {index}.worst_group", verdict, f"{text} because " + "and so on " * 60, note=long)
        for index, verdict in enumerate(["fail"] * 12 + ["inconclusive"] * 9 + ["error"] * 2 + ["pass"] * 20)
    )
    dataset = base.dataset.model_copy(
        update={
            "target": f"{text} target",
            "classes": names,
            "profile": profile,
            "target_rates": dict.fromkeys(names, 1 / 30),
            "split": HashSplit(key=(text,)),
            "rows": {**base.dataset.rows, f"benchmarks/{text}": 10},
            "source": {f"{text}/{index}.csv": "e7" * 32 for index in range(300)},
        }
    )
    fit = base.fit.model_copy(
        update={
            "importance": {one.name: 1 / 200 for one in profile},
            "estimator": CustomEstimatorOptions(kind="custom", function="mine:make", params={text: [text, long]}),
            "search": Search(
                trials=tuple(
                    Trial(number=n, params={f"{text} {p}": long for p in range(30)}, value=1.0 + n, state="complete")
                    for n in range(200)
                ),
                best=0,
            ),
            "versions": {text: text},
            "kernel": {text: text},
            "loss": text,
        }
    )
    evaluation = base.evaluation.model_copy(
        update={
            "classes": names,
            "slices": slices,
            "bias": (Bias(column=text, groups=groups, worst_group=0.3),),
            "gates": gates,
            "verdict": Verdict.ERROR,
            "leaks": tuple(Leak(column=one.name, score=0.6) for one in profile[:10]),
            "benchmarks": (Part(name=text, rows=10, metrics=base.evaluation.metrics),),
        }
    )
    timings = Timings(seconds={text: 1.0}, latency_ms={"p50": 1.0, text: 2.0})
    return Case(f"{text} " + "name" * 60, dataset, fit, evaluation, timings, {text: text})


MAKERS = {
    "binary": make_binary,
    "multiclass": make_multiclass,
    "regression": make_regression,
    "minimal": make_minimal,
    "crowded": make_crowded,
}


@pytest.fixture
def cases() -> dict[str, Callable[..., Case]]:
    """Makers of records, by kind."""
    return dict(MAKERS)


@pytest.fixture(params=sorted(MAKERS))
def case(request: pytest.FixtureRequest) -> Case:
    """The records of one kind after the other."""
    return MAKERS[request.param]()
