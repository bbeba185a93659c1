"""Variants against the baseline: pairing, families, users."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from basrec.comparisons import TESTS, compare_all
from basrec.statistics import compare_seeds, holm, sign_flip
from basrec.sweep_folder import read_sweep
from basrec.user_metrics import by_user
from basrec.user_ranks import RANKS, read_ranks
from tests.basrec.conftest import write_sweep_files
from tests.basrec.test_sweep_folder import row


def test_users_are_paired_by_their_ids(sweep: Path, tmp_path: Path) -> None:
    data = shutil.copytree(sweep.parents[1], tmp_path / "data")
    place, path = data / "sweeps" / "tiny", data / "runs" / "beauty" / "BASRec-2" / RANKS
    before = compare_all(read_sweep(place))[0].comparisons[0].over_users
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), path)  # another order
    assert compare_all(read_sweep(place))[0].comparisons[0].over_users == before
    pq.write_table(table.filter(pc.field("user_id") != 7), path)  # a user is missing
    after = compare_all(read_sweep(place))[0].comparisons[0].over_users
    assert after is not None and after.users == 59


def test_only_common_seeds_are_paired(sweep: Path) -> None:
    family = compare_all(read_sweep(sweep))[0]
    by_variant = {one.group[2]: one for one in family.comparisons}
    assert set(by_variant) == {"BASRec", "alpha 0.2"}
    alpha = by_variant["alpha 0.2"]
    assert (alpha.seeds, alpha.unpaired) == ([1, 2], [3])
    assert "Not done on both sides with seed 3; 2 compared: beauty, sasrec, alpha 0.2." in " ".join(
        family.warnings
    )
    told = read_sweep(sweep)
    ours, base = (
        told.array(("beauty", "sasrec", name), "NDCG@10") for name in ("alpha 0.2", "Base")
    )
    assert alpha.over_seeds == compare_seeds(ours, base[:2])


def test_users_are_averaged_over_the_common_seeds(sweep: Path) -> None:
    alpha = compare_all(read_sweep(sweep))[0].comparisons[1]
    runs = sweep.parents[1] / "runs" / "beauty"

    def mean(name: str) -> np.ndarray:
        ranked = [read_ranks(runs / f"{name}-{seed}", "test") for seed in (1, 2)]
        return np.mean([by_user(*one, "NDCG@10") for one in ranked if one], axis=0)

    users = alpha.over_users
    assert users is not None and users.users == 60 and alpha.over_seeds is not None
    assert users.difference == pytest.approx(alpha.over_seeds.difference, abs=1e-12)
    assert users.p_randomisation == sign_flip(mean("alpha 0.2") - mean("Base"), 9999, 0)


def test_each_test_is_corrected_over_the_family(sweep: Path) -> None:
    for family in compare_all(read_sweep(sweep)):
        for test in TESTS:
            told = [one.p_values[test] for one in family.comparisons]
            assert [one.corrected[test] for one in family.comparisons] == holm(told)


def test_old_runs_and_other_data_leave_users_out(sweep: Path, tmp_path: Path) -> None:
    data = shutil.copytree(sweep.parents[1], tmp_path / "data")
    place, run = data / "sweeps" / "tiny", data / "runs" / "beauty" / "BASRec-2"
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["inputs"]["sequences.parquet"] = "another"
    (run / "manifest.json").write_text(json.dumps(manifest))
    first, second = compare_all(read_sweep(place))[0].comparisons
    assert first.without_users == "runs were trained on different data"
    assert first.over_users is None and second.over_users is not None
    (run / RANKS).unlink()
    family = compare_all(read_sweep(place))[0]
    assert "kept no ranks.parquet" in family.comparisons[0].without_users
    assert any("Users are not compared everywhere" in told for told in family.warnings)


def test_runs_that_were_judged_by_other_rules_are_not_compared(sweep: Path, tmp_path: Path) -> None:
    data = shutil.copytree(sweep.parents[1], tmp_path / "data")
    for seed in (1, 2, 3):
        path = data / "runs" / "beauty" / f"BASRec-{seed}" / "metrics.json"
        metrics = json.loads(path.read_text())
        metrics["policy"]["seen"] = "zero"
        path.write_text(json.dumps(metrics))
    family = compare_all(read_sweep(data / "sweeps" / "tiny"))[0]
    first, second = family.comparisons
    assert first.over_seeds is None and first.over_users is None
    assert second.over_seeds is not None
    assert any("Judged by other rules" in told and "BASRec" in told for told in family.warnings)


def test_one_seed_carries_no_mark(sweep: Path, tmp_path: Path) -> None:
    rows = [row("Base", 1, 0.1), row("BASRec", 1, 0.9), row("alpha 0.2", 2, 0.9)]
    write_sweep_files(tmp_path, rows, metrics=["HR@10"], seeds=[1])
    (family,) = compare_all(read_sweep(tmp_path))
    assert not any(one.holds_over_seeds or one.holds_over_users for one in family.comparisons)
    assert "nothing there is called significant" in family.warnings[0]
    assert family.comparisons[1].over_seeds is None  # no seed in common
    assert "1 of 2 comparisons have no seed that is done on both sides" in " ".join(family.warnings)


def test_five_clear_seeds_hold_over_seeds(tmp_path: Path) -> None:
    rows = [row("Base", seed, 0.1 + seed / 1000) for seed in range(5)]
    rows += [row("BASRec", seed, 0.2 + seed / 900) for seed in range(5)]
    stated = {"variants": ["Base", "BASRec"], "metrics": ["HR@10"], "seeds": list(range(5))}
    write_sweep_files(tmp_path, rows, **stated)
    (one,) = compare_all(read_sweep(tmp_path))[0].comparisons
    assert one.holds_over_seeds and not one.holds_over_users
    assert one.p_values["Wilcoxon over seeds"] == 0.0625


def test_two_seeds_carry_no_mark_over_seeds(tmp_path: Path) -> None:
    values = {"Base": (0.1, 0.11), "BASRec": (0.2, 0.21), "alpha 0.2": (0.9, 0.91001)}
    rows = [row(name, s, value) for name, told in values.items() for s, value in enumerate(told)]
    write_sweep_files(tmp_path, rows, metrics=["HR@10"], seeds=[0, 1])
    (family,) = compare_all(read_sweep(tmp_path))
    same, clear = family.comparisons
    assert same.p_values[TESTS[0]] is None and same.over_seeds and same.over_seeds.dz is None
    assert (clear.corrected[TESTS[0]] or 1) < 0.001 and not clear.holds_over_seeds
    assert "over 2 seeds carry no mark over seeds" in " ".join(family.warnings)
    told = json.dumps([one.as_data() for one in family.comparisons], allow_nan=False)
    assert "Infinity" not in told


def test_unknown_rules_are_equal_only_within_one_preset_and_its_settings(tmp_path: Path) -> None:
    names = ("Base", "same", "other preset", "other settings")
    variants: dict[str, dict[str, Any]] = {name: {"method": "base"} for name in names}
    variants["other preset"] = {"method": "basrec", "preset": "paper"}
    variants["other settings"]["settings"] = {"evaluation": {"seen": "keep"}}
    rows = [row(name, seed, 0.1 * seed) for name in names for seed in (1, 2)]
    write_sweep_files(tmp_path, rows, variants=variants, metrics=["HR@10"], seeds=[1, 2])
    (family,) = compare_all(read_sweep(tmp_path))  # no run folder is there
    assert [one.over_seeds is not None for one in family.comparisons] == [True, False, False]
    told = [told for told in family.warnings if "Run folders are gone or damaged" in told]
    (words,) = told  # once, with all that it concerns
    concerned = "; ".join(f"beauty, sasrec, {name}" for name in names[2:])
    assert words.endswith(f"so not compared: {concerned}.")


def test_where_nothing_was_compared_no_seeds_are_counted(tmp_path: Path) -> None:
    write_sweep_files(tmp_path, [row("Base", 1, 0.1)], variants=["Base"], metrics=["HR@10"])
    (family,) = compare_all(read_sweep(tmp_path))
    assert family.comparisons == [] and family.warnings == []
    rows = [row("Base", 1, 0.1), row("BASRec", 2, 0.1)]
    write_sweep_files(tmp_path, rows, variants=["Base", "BASRec"], metrics=["HR@10"])
    (family,) = compare_all(read_sweep(tmp_path))
    assert len(family.warnings) == 1 and "no seed that is done on both" in family.warnings[0]
