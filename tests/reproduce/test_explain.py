"""What differs between then and now, by its kind."""

from __future__ import annotations

from modelway.pipeline.explain import changed_data, changed_surroundings
from modelway.records.fit import Fit, LinearOptions
from modelway.records.recipe import Difference

ESTIMATOR = LinearOptions(kind="linear")
THEN = Fit(estimator=ESTIMATOR, seed=1, versions={"numpy": "2.0", "python": "3.11.7"}, kernel={"libopenblas": "Zen"})


def test_libraries_kernels_and_the_seed_are_told_apart() -> None:
    now = Fit(
        estimator=ESTIMATOR, seed=2, versions={"numpy": "2.4", "scipy": "1.17"}, kernel={"libopenblas": "Haswell"}
    )
    assert set(changed_surroundings(THEN, now)) == {
        Difference(kind="library", name="numpy", then="2.0", now="2.4"),
        Difference(kind="library", name="python", then="3.11.7", now=None),
        Difference(kind="library", name="scipy", then=None, now="1.17"),
        Difference(kind="machine", name="libopenblas", then="Zen", now="Haswell"),
        Difference(kind="seed", name="fit.seed", then="1", now="2"),
    }
    assert changed_surroundings(THEN, THEN) == ()
    assert changed_surroundings(None, now) == (), "what is not known is not said to differ"


def test_each_file_of_the_data_is_named() -> None:
    then, now = {"a.csv": "1" * 64, "b.csv": "2" * 64, "c.csv": "3" * 64}, {"a.csv": "1" * 64, "b.csv": "9" * 64}
    assert [(one.name, one.now) for one in changed_data(then, now)] == [("b.csv", "9" * 12), ("c.csv", None)]
    (whole,) = changed_data({}, now)
    assert str(whole) == "data: the files are not those of the version"


def test_a_difference_reads_as_a_sentence() -> None:
    told = str(Difference(kind="library", name="scipy", then=None, now="1.17"))
    assert told == "library: scipy was absent, and is 1.17"
