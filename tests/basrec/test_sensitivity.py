"""Which variants make a curve."""

from pathlib import Path

import numpy as np
import pytest

from basrec.experiment_figures import curves_figure, mean_similarity, sensitivity_figure
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
    assert curve.points[1][2] == summarise(told.array(("beauty", "sasrec", "BASRec"), "NDCG@10"))


def test_intervals_are_drawn_in_their_order() -> None:
    summary = summarise(np.array([0.1, 0.2]))
    points = [((low, 0.7), "x", summary) for low in (0.1, 0.2, 0.3)]
    text = sensitivity_figure([Curve("augmentation.rate", "beauty", "sasrec", "HR@10", points)])
    places = [text.index(f"0.{low}\N{EN DASH}0.7") for low in (1, 2, 3)]
    assert places == sorted(places) and "test HR@10, Beauty" in text


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
    assert "<svg" in sensitivity_figure([Curve("mixes", "b", "s", "HR@10", points)])
