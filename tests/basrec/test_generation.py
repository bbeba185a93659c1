"""The stage that generates, by itself and within a run."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.evaluation import evaluate, read_metrics
from basrec.files import digest_file, read_json, write_json
from basrec.generation import generate
from basrec.prepared import read_prepared
from basrec.prior_file import PRIOR_FILE, with_prior
from basrec.run_folder import read_history
from basrec.training import train
from tests.basrec.augmentation.generating import settings

METHODS = ["random", "random_seq", "asrep", "diffuasr"]


def weights(run: Path) -> str:
    return digest_file(run / "model.safetensors")


@pytest.mark.parametrize("method", METHODS)
def test_generating_before_a_run_equals_generating_within_it(
    method: str, folder: Path, tmp_path: Path
) -> None:
    config, items = settings(method), tmp_path / "items"
    manifest = generate(folder, items, config)
    assert manifest["rows"]["users"] == 60 and manifest["rows"]["items"] == 180
    assert not manifest["reused"]
    assert generate(folder, items, config)["reused"]
    frame = pl.read_parquet(items / "generated.parquet")
    assert frame["user_id"].to_list() == list(range(1, 61))
    assert frame["items"].list.len().to_list() == [3] * 60
    assert (items / "model.safetensors").exists() == (method == "asrep")
    train(folder, tmp_path / "with", config, generated=items)
    train(folder, tmp_path / "within", config)
    assert weights(tmp_path / "with") == weights(tmp_path / "within")
    for split in ("validation", "test"):
        assert evaluate(tmp_path / "with", split) == read_metrics(tmp_path / "with")[split]
    assert [line["stage"] for line in read_history(tmp_path / "with")] == [1]


def test_asrep_goes_on_from_its_own_weights(folder: Path, tmp_path: Path) -> None:
    frozen = {"learning_rate": 1e-12}
    generate(folder, tmp_path / "items", settings("asrep", train=frozen))
    train(folder, tmp_path / "run", settings("asrep", train=frozen))
    found = evaluate(tmp_path / "run", "validation")
    (tmp_path / "run" / "model.safetensors").write_bytes(
        (tmp_path / "items" / "model.safetensors").read_bytes()
    )
    assert evaluate(tmp_path / "run", "validation") == found


def test_generated_items_are_read_in_evaluation(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "run", settings("random"))
    with_them = evaluate(tmp_path / "run", "test")
    (tmp_path / "run" / "generated" / "generated.parquet").unlink()
    assert evaluate(tmp_path / "run", "test") != with_them


@pytest.mark.parametrize(
    "change", [{"targets": "real"}, {"count": 4}, {"shorter_than": 9}], ids=str
)
def test_options_of_the_prior_change_the_weights(
    change: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    train(folder, tmp_path / "plain", settings("random"))
    train(folder, tmp_path / "other", settings("random", change))
    assert weights(tmp_path / "plain") != weights(tmp_path / "other")


def test_targets_alone_do_not_generate_anew(folder: Path, tmp_path: Path) -> None:
    generate(folder, tmp_path / "items", settings("random"))
    assert generate(folder, tmp_path / "items", settings("random", {"targets": "real"}))["reused"]


@pytest.mark.parametrize(
    ("method", "change", "reused"),
    [
        ("random", {"seed": 2}, False),
        ("random", {"evaluation": {"seen": "keep"}}, True),  # it learns nothing
        ("asrep", {"evaluation": {"seen": "keep"}}, False),  # it stops by the metrics
    ],
)
def test_what_decides_generates_anew_and_nothing_else(
    method: str, change: dict[str, Any], reused: bool, folder: Path, tmp_path: Path
) -> None:
    generate(folder, tmp_path / "items", settings(method))
    assert generate(folder, tmp_path / "items", settings(method, **change))["reused"] is reused


def test_items_serve_other_seeds_and_backbones(folder: Path, tmp_path: Path) -> None:
    items = tmp_path / "items"
    generate(folder, items, settings("asrep"))
    other = settings("asrep", seed=2)
    train(folder, tmp_path / "given", other, generated=items)
    train(folder, tmp_path / "own", other)
    assert weights(tmp_path / "given") != weights(tmp_path / "own")
    given, own = (read_json(tmp_path / name / "manifest.json") for name in ("given", "own"))
    assert given["key"] != own["key"]
    gru = settings("asrep", model={"backbone": "gru4rec", "embedding_size": 8, "max_length": 10})
    train(folder, tmp_path / "gru", gru, generated=items)  # from fresh weights
    both = [(tmp_path / name / "generated" / PRIOR_FILE).read_bytes() for name in ("given", "gru")]
    assert both == [(items / PRIOR_FILE).read_bytes()] * 2


def test_a_damaged_or_foreign_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    items, config = tmp_path / "items", settings("random")

    def refused(told: str, given: TrainConfig = config, place: Path = items) -> None:
        with pytest.raises(InputError, match=told) as error:
            train(folder, tmp_path / "run", given, generated=place)
        assert "\n" not in str(error.value)

    refused("holds no generated items; make them")  # there is none
    refused("holds no generated items; make them", place=folder)
    generate(folder, items, config)
    refused("generated by method random, not random_seq", settings("random_seq"))
    refused("method base reads no generated items", settings("base"))
    manifest = read_json(items / "manifest.json")
    data = manifest["inputs"] | {"sequences.parquet": "another"}
    write_json(items / "manifest.json", manifest | {"inputs": data})
    refused(r"generated from other data \(sequences.parquet differs\)")
    write_json(items / "manifest.json", manifest)
    (items / "generated.parquet").write_bytes(b"not a table")
    refused(r"generated\.parquet: missing or damaged")
    with pytest.raises(InputError, match=r"generated\.parquet: cannot be read"):
        with_prior(read_prepared(folder), items)
    with pytest.raises(InputError, match="method base generates nothing before training"):
        generate(folder, tmp_path / "none", settings("base"))
    assert not (tmp_path / "run").exists()


def test_more_items_than_inputs_hold_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leaves no room for a user's own items"):
        generate(folder, tmp_path / "items", settings("random", {"count": 10}))


def test_items_of_other_users_are_refused(folder: Path, tmp_path: Path) -> None:
    generate(folder, tmp_path / "items", settings("random"))
    path = tmp_path / "items" / "generated.parquet"
    frame = pl.read_parquet(path)
    unknown = frame.with_columns(pl.col("items").list.eval(pl.element() + 40))
    for wrong in (frame.head(59), unknown):
        wrong.write_parquet(path)
        with pytest.raises(InputError, match="not of the 60 users and 40 items"):
            with_prior(read_prepared(folder), tmp_path / "items")


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test catches it."""


@pytest.mark.parametrize(("method", "at"), [("asrep", 1), ("asrep", 2), ("diffuasr", 3)])
def test_a_killed_generation_goes_on_to_the_same_items(
    method: str, at: int, folder: Path, tmp_path: Path
) -> None:
    config = settings(method)
    generate(folder, tmp_path / "whole", config)
    seen: list[dict[str, Any]] = []

    def kill(line: dict[str, Any]) -> None:
        seen.append(line)
        if len(seen) == at:
            raise Killed

    with pytest.raises(Killed):
        generate(folder, tmp_path / "items", config, on_epoch=kill)
    assert not (tmp_path / "items").exists()
    generate(folder, tmp_path / "items", config, resume=True, on_epoch=seen.append)
    assert len(seen) == {"asrep": 2, "diffuasr": 4}[method]  # nothing is done twice
    outputs = [
        json.loads((tmp_path / name / "manifest.json").read_text())["outputs"]
        for name in ("whole", "items")
    ]
    for name in {"generated.parquet", "model.safetensors"} & set(outputs[0]):
        assert outputs[0][name] == outputs[1][name]


def test_a_run_killed_while_it_generates_goes_on(folder: Path, tmp_path: Path) -> None:
    config, seen = settings("asrep"), list[dict[str, Any]]()

    def kill(line: dict[str, Any]) -> None:
        seen.append(line)
        raise Killed

    with pytest.raises(Killed):
        train(folder, tmp_path / "run", config, on_epoch=kill)
    other = settings("asrep", seed=3)  # what is left of another config is made anew
    train(folder, tmp_path / "other", other)
    (tmp_path / "run.partial").rename(tmp_path / "fresh.partial")
    train(folder, tmp_path / "fresh", other, resume="auto")
    assert weights(tmp_path / "fresh") == weights(tmp_path / "other")
    with pytest.raises(Killed):
        train(folder, tmp_path / "run", config, on_epoch=kill)
    train(folder, tmp_path / "run", config, resume=True, on_epoch=seen.append)
    assert [(line["stage"], line["epoch"]) for line in seen[2:]] == [(0, 2), (1, 1)]
    train(folder, tmp_path / "whole", config)
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
