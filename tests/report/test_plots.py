"""The charts, as files of their own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from modelway.records.evaluate import Curve, Estimate
from modelway.records.fit import Epoch, Search, Trial
from modelway.report.plots import render_plots, search_chart

NAMES = {
    "binary": {
        "roc",
        "precision_recall",
        "calibration",
        "confusion",
        "slices",
        "bias",
        "learning",
        "search",
        "importance",
    },
    "multiclass": {"confusion", "learning", "importance"},
    "regression": {"predicted_actual", "residuals", "slices", "learning", "importance"},
    "minimal": set(),
    "crowded": {"confusion", "slices", "bias", "learning", "search", "importance"},
}


def plots_of(case) -> dict[str, str]:
    return render_plots(case.evaluation, case.fit)


@pytest.mark.parametrize("kind", NAMES)
def test_each_record_gives_its_plot(cases, kind):
    assert set(plots_of(cases[kind]())) == {f"{name}.svg" for name in NAMES[kind]}


def test_plots_are_well_formed_and_load_nothing(case):
    for svg in plots_of(case).values():
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("aria-label")
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert names <= {"svg", "style", "rect", "text", "title", "g", "path", "circle"}
        assert "url(" not in svg
        assert len(svg) < 150_000


def test_everything_stands_within_the_picture(case):
    for svg in plots_of(case).values():
        root = ElementTree.fromstring(svg)
        width, height = map(float, root.get("viewBox").split()[2:])
        for path in root.iter("{http://www.w3.org/2000/svg}path"):
            for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path.get("d")):
                assert 0 <= float(x) <= width
                assert 0 <= float(y) <= height
        for rect in list(root.iter("{http://www.w3.org/2000/svg}rect"))[1:]:
            assert float(rect.get("width")) >= 0
            assert 0 <= float(rect.get("x")) <= float(rect.get("x")) + float(rect.get("width")) <= width


def test_same_records_give_same_plots(cases):
    for make in cases.values():
        assert plots_of(make()) == plots_of(make())


def test_text_of_data_is_escaped_and_cleaned(cases):
    for svg in plots_of(cases["crowded"]("<script>\x00\x1f\"'&")).values():
        ElementTree.fromstring(svg)
        assert "<script" not in svg


def test_one_point_and_equal_values_can_be_drawn(cases):
    flat = [
        Curve(name=name, x=(0.5,), y=(0.5,), size=(3.0,)) for name in ("calibration", "residuals", "predicted_actual")
    ]
    case = cases["binary"]().with_evaluation(curves=tuple(flat))
    fit = case.fit.model_copy(update={"history": (Epoch(epoch=1, validation_loss=0.0),), "importance": {"a": 0.0}})
    assert {"calibration.svg", "residuals.svg", "learning.svg", "importance.svg"} <= set(
        render_plots(case.evaluation, fit)
    )


def test_undefined_slices_say_so(cases):
    case = cases["binary"]()
    undefined = case.evaluation.slices[0].model_copy(update={"metrics": {"roc_auc": Estimate(value=None)}})
    assert "not defined" in plots_of(case.with_evaluation(slices=(undefined,)))["slices.svg"]


def test_a_search_without_a_loss_has_no_chart():
    trial = Trial(number=0, params={}, state="failed")
    assert search_chart(Search(trials=(trial,), best=0)) is None


def test_trials_far_off_leave_room_for_the_others():
    values = [0.5, 0.49, 0.52, 0.48, 900.0]
    trials = tuple(Trial(number=n, params={}, value=value, state="complete") for n, value in enumerate(values))
    body = search_chart(Search(trials=trials, best=3)).body
    assert ">0.5<" in body
    assert ">900<" not in body
    assert body.count('class="dots bad"') == 1


def test_the_best_so_far_never_rises():
    values = [0.5, 0.7, 0.3, 0.6]
    trials = tuple(Trial(number=n, params={}, value=value, state="complete") for n, value in enumerate(values))
    path = re.search('class="line main" d="([^"]*)"', search_chart(Search(trials=trials, best=2)).body).group(1)
    heights = [float(y) for y in re.findall(r"V([\d.]+)", path)]
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]  # measured from the top
