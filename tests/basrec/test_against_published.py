"""Ours beside the published values: which stands beside which, and how it is judged."""

from pathlib import Path

import numpy as np
import pytest

from basrec.against_published import Beside, beside_published
from basrec.errors import InputError
from basrec.published_table import published_rows
from basrec.statistics import prediction_interval, summarise
from basrec.sweep_folder import read_sweep
from tests.basrec.conftest import write_sweep_files
from tests.basrec.test_sweep_folder import row

PUBLISHED = Path(__file__).parents[2] / "configs" / "published"


def test_published_values_are_found_by_label_and_by_method(tmp_path: Path) -> None:
    shifts = {"sasrec": 0.0, "fmlp": 0.01}
    rows = [
        row(name, seed, value + shift + seed / 1000, backbone=backbone)
        for backbone, shift in shifts.items()
        for name, value in (("Base", 0.06), ("not in the paper", 0.08))
        for seed in (1, 2)
    ]
    stated = {"variants": ["Base", "not in the paper"], "metrics": ["HR@10"]}
    write_sweep_files(tmp_path, rows, backbones=["sasrec", "fmlp"], seeds=[1, 2], **stated)
    beside = beside_published(read_sweep(tmp_path), PUBLISHED)
    assert [(one.group[1:], one.published) for one in beside] == [
        (("sasrec", "Base"), 0.0639),
        (("fmlp", "Base"), 0.0563),
    ]
    mine = beside[0]
    assert mine.difference == pytest.approx(0.0615 - 0.0639)
    half = 12.7062 * (0.001 / 2**0.5) / 2**0.5  # t of one degree; sd of .061 and .062
    assert mine.ours is not None and mine.ours.high == pytest.approx(0.0615 + half, abs=1e-6)
    assert mine.is_within is True
    assert published_rows(beside)[0][-2:] == ["yes", "yes"]


def test_a_published_value_may_be_like_a_run_and_not_like_the_mean() -> None:
    ours = summarise(np.array([0.030, 0.031, 0.029, 0.032, 0.028]))  # mean .030, sd .00158
    group = ("beauty", "sasrec", "Base")
    near, far = (Beside(group, "NDCG@10", value, ours) for value in (0.034, 0.035))
    half = 2.7764 * 0.0015811 * (1 + 1 / 5) ** 0.5  # t of four degrees: .00481
    assert prediction_interval(ours) == pytest.approx((0.030 - half, 0.030 + half), rel=1e-4)
    assert (near.is_within, near.is_like_a_run) == (False, True)
    assert (far.is_within, far.is_like_a_run) == (False, False)
    assert Beside(group, "NDCG@10", 0.03, summarise(np.array([0.03]))).is_like_a_run is None


def test_a_method_that_two_variants_have_is_not_looked_up_by_it(tmp_path: Path) -> None:
    stated = {"Base": {"method": "base"}, "One": {"method": "basrec"}, "Two": {"method": "basrec"}}
    rows = [row("Base", 1, 0.1), row("One", 1, 0.1, method="basrec")]  # Two has not run yet
    write_sweep_files(tmp_path, rows, variants=stated, metrics=["HR@10"])
    told = beside_published(read_sweep(tmp_path), PUBLISHED)
    assert [one.group[2] for one in told] == ["Base"]


def test_each_preset_stands_beside_the_published_values(tmp_path: Path) -> None:
    names = {"Base": "reference", "Ours": "reference", "Base-paper": "paper", "Ours-paper": "paper"}
    method = {"Base": "base", "Ours": "basrec"}
    stated = {n: {"method": method[n.split("-")[0]], "preset": p} for n, p in names.items()}
    rows = [row(name, 1, 0.1, **told) for name, told in stated.items()]
    write_sweep_files(tmp_path, rows, variants=stated, metrics=["HR@10"], published="table2")
    told = beside_published(read_sweep(tmp_path), PUBLISHED)
    assert [(one.group[2], one.published) for one in told] == [
        ("Base", 0.0639),
        ("Ours", 0.0810),
        ("Base-paper", 0.0639),
        ("Ours-paper", 0.0810),
    ]


def test_similarity_stands_beside_table_6(tmp_path: Path) -> None:
    rows = [row("BASRec", 1, 0.1, method="basrec")]
    write_sweep_files(tmp_path, rows, published="table6")
    told = beside_published(read_sweep(tmp_path), PUBLISHED)
    assert [(one.metric, one.published) for one in told] == [
        ("similarity", 0.9152),
        ("similarity (single sequence)", 0.9083),
        ("similarity (cross sequence)", 0.9239),
    ]
    assert all(one.ours is None for one in told)  # no table beside the results, no value of ours
    columns = "dataset,backbone,variant,seed,kind,over_training,last_epoch"
    lines = [f"beauty,sasrec,BASRec,1,{one},0.9" for one in ("mean,0.7", "single_sequence,0.6")]
    (tmp_path / "similarity.csv").write_text("\n".join([columns, *lines]))
    mean, single, cross = beside_published(read_sweep(tmp_path), PUBLISHED)
    assert mean.ours is not None and mean.ours.mean == 0.7
    assert single.ours is not None and single.ours.mean == 0.6
    assert cross.ours is None
    (tmp_path / "similarity.csv").write_text("\n".join([columns, "beauty,sasrec,BASRec,1,mean,,"]))
    with pytest.raises(InputError, match=r"similarity.csv, row \d+: not as a sweep writes it"):
        read_sweep(tmp_path)
