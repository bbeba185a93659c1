"""Which variants make a curve."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from basrec.experiment_figures import (
    curves_figure,
    mean_similarity,
    sensitivity_figure,
    sensitivity_legend,
    summed_loss,
)
from basrec.sensitivity import Curve, sensitivity
from basrec.statistics import summarise
from basrec.sweep_folder import read_sweep


def test_variants_that_differ_in_one_number_make_a_curve(sweep: Path) -> None:
    told = read_sweep(sweep)
    (curve,) = sensitivity(told, "NDCG@10")
    assert (curve.key, curve.dataset, curve.backbone) == ("augmentation.alpha", "beauty", "sasrec")
    assert [(value, variant) for value, variant, _ in curve.points] == [
        (0.2, "alpha 0.2"),
        (0.4, "BASRec"),
    ]
    ours = told.values(("beauty", "sasrec", "alpha 0.2"), "NDCG@10")  # seed 3 has failed
    base = told.values(("beauty", "sasrec", "BASRec"), "NDCG@10")
    assert curve.reference == 0.4 and curve.level.n == 3  # BASRec comes first in the experiment
    paired = [ours[seed] - base[seed] for seed in (1, 2)]
    (_, _, first), (_, _, second) = curve.points
    assert (first.n, first.mean) == (2, pytest.approx(np.mean(paired), abs=1e-12))
    assert (second.n, second.mean) == (3, 0.0)


def curve_of(points: list[Any]) -> Curve:
    level = summarise(np.array([0.1, 0.2]))
    reference = points[0][0]
    return Curve("augmentation.rate", "beauty", "sasrec", "HR@10", reference, level, points)


def test_intervals_are_drawn_in_their_order() -> None:
    summary = summarise(np.array([0.1, 0.2]))
    curve = curve_of([((low, 0.7), "x", summary) for low in (0.1, 0.2, 0.3)])
    text = sensitivity_figure([curve])
    places = [text.index(f"0.{low}\N{EN DASH}0.7") for low in (1, 2, 3)]
    assert places == sorted(places) and "change of test HR@10, Beauty" in text
    ((name, _),) = sensitivity_legend([curve])
    assert name == "SASRec, against 0.1\N{EN DASH}0.7 (there 0.1500, 2 seeds)"


def history_of(*stages: tuple[int, list[float]]) -> list[dict[str, Any]]:
    return [
        {"stage": stage, "losses": {}, "loss": value, "validation": None}
        for stage, values in stages
        for value in values
    ]


def test_the_second_stage_begins_where_the_longest_first_one_ends() -> None:
    base = history_of((1, [3.0, 2.0, 1.0]))
    mine = history_of((1, [3.0, 2.0, 1.0]), (2, [0.5, 0.4]))
    other = history_of((1, [4.0]), (2, [0.3]))
    told = {"base": [base], "mine": [mine], "other": [other]}
    colours = {"base": "#111111", "mine": "#222222", "other": "#333333"}
    text = curves_figure(told, summed_loss, "loss", colours)
    assert text is not None and text.count("stage 2") >= 1

    def lines(colour: str) -> int:
        return len(re.findall(rf'<path d="[^"]+"[^>]*style="fill: none; stroke: {colour}', text))

    # What base and mine share is drawn once, as base; 'other' has a stage of its own.
    assert [lines(colour) for colour in colours.values()] == [1, 1, 2]
    alone = curves_figure({"base": [base]}, summed_loss, "loss", colours)
    assert alone is not None and "stage 2" not in alone


def test_the_mean_ends_where_fewer_than_half_of_the_seeds_train() -> None:
    def history(values: list[float]) -> list[dict[str, object]]:
        return [{"similarity": {"a": value, "b": value}} for value in values]

    assert mean_similarity(history([0.5])) == [0.5]
    told = {"x": [history([0.5] * 3), history([0.5] * 3), history([0.5] * 9)]}
    text = curves_figure(told, mean_similarity, "t", {"x": "#123456"})
    assert text is not None and "<svg" in text
    assert curves_figure({"x": [[{"losses": {}}]]}, mean_similarity, "t", {"x": "#1"}) is None


@pytest.mark.parametrize("n", [1, 2])
def test_one_seed_is_drawn_without_an_interval(n: int) -> None:
    points = [(float(value), "x", summarise(np.full(n, 0.1))) for value in (1, 2)]
    assert "<svg" in sensitivity_figure([curve_of(points)])
