"""Publishing: every check, refusal, the same run twice, rollback, and kills at every step."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.publishing
import flows.versions
from basrec.evaluation import evaluate
from basrec.files import read_json
from basrec.run_folder import find_finished
from flows.config import resolve
from flows.folders import Folders
from flows.garbage import find_garbage
from flows.publish_config import PublishConfig
from flows.publishing import Refused, publish
from flows.versions import current, is_whole, read_publication, versions
from pipeline.errors import InputError
from tests.flows.data_folder import (
    METRICS,
    NAME,
    change_run,
    published,
    record_outputs,
    run_config,
    run_of,
)


def refusal(data: Path, **options: Any) -> str:
    """Give why a run is refused, which leaves what was published as it was."""
    folder = Folders(data, NAME).published
    before = current(folder)
    with pytest.raises(Refused) as caught:
        published(data, **options)
    assert current(folder) == before and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_version_stands_by_itself(data: Path) -> None:
    done = published(data)
    folder = Folders(data, NAME).published
    assert (done.outcome, done.version) == ("published", folder / "000001")
    assert (folder / "current").readlink() == Path("000001")
    before = evaluate(run_of(data), "test")
    shutil.rmtree(data / "runs")
    shutil.rmtree(data / "prepared")
    run = folder / "current" / "run"
    assert evaluate(run, "test") == before
    assert find_finished(run, read_json(run / "manifest.json")["key"])
    assert {path.name for path in (folder / "current" / "prepared").iterdir()} == {
        *("items.parquet", "users.parquet", "sequences.parquet", "neighbours.parquet"),
        *("passport.json", "manifest.json"),
    }
    assert not (run / "checkpoint.pt").exists()


def test_a_version_shares_no_file_with_the_run(data: Path) -> None:
    version = published(data).version
    with (run_of(data) / "model.safetensors").open("r+b") as file:
        file.write(b"something else")
    assert is_whole(version)


def test_the_same_run_is_published_once(data: Path) -> None:
    first = published(data)
    again = published(data)
    assert (again.outcome, again.version) == ("unchanged", first.version)
    assert "already" in again.told and len(versions(first.version.parent)) == 1


def test_the_digest_tells_of_content_and_not_of_times_and_places(
    data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(data, other)
    one, two = published(data).version, published(other).version
    assert read_publication(one)["digest"] == read_publication(two)["digest"]


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_may_fall_by_the_tolerance_and_no_further(twice: Path, name: str) -> None:
    split, metric, cut = name.split("_")
    change_run(twice, **{name: 0.449})  # 0.5 less 10 % is 0.45
    told = refusal(twice, tolerance=0.1)
    assert f"{split} {metric}@{cut} 0.449 is 10.2% below the last published 0.5" in told
    assert "publish.tolerance is 0.1" in told
    change_run(twice, **{name: 0.451})
    assert published(twice, tolerance=0.1).outcome == "published"


def test_only_the_named_metrics_and_splits_are_compared(twice: Path) -> None:
    change_run(twice, test_HR_10=0.1)
    assert "test HR@10" in refusal(twice)
    assert "test HR@10" in refusal(twice, metrics=["HR@10"])
    assert published(twice, splits=["validation"]).outcome == "published"
    change_run(twice, test_HR_10=0.01)
    assert published(twice, metrics=["NDCG@10"]).outcome == "published"


def test_a_metric_that_is_no_number_is_refused(twice: Path) -> None:
    change_run(twice, test_HR_10=float("nan"))
    assert "test HR@10" in refusal(twice)


@pytest.mark.parametrize("part", ["users", "items", "interactions"])
def test_data_may_shrink_by_so_much_and_no_further(twice: Path, part: str) -> None:
    # What was published before is told to have been larger: 100 x, of which 10 % may go.
    version = current(Folders(twice, NAME).published)
    assert version
    passport = version / "prepared" / "passport.json"
    told = read_json(passport)
    now = told["core"][part]
    told["core"][part] = now * 2
    rewrite(version, "prepared/passport.json", told)
    why = refusal(twice, max_shrink=0.49)
    assert f"{part} {now:g} is 50.0% below the last published {2 * now:g}" in why
    assert published(twice, max_shrink=0.5).outcome == "published"


def rewrite(version: Path, name: str, value: Any) -> None:
    flows.versions.write_json(version / name, value)
    record = read_publication(version)
    record["files"][name] = flows.publishing.digest_file(version / name)
    flows.versions.write_json(version / "publication.json", record)


def test_metrics_by_other_rules_are_not_compared(twice: Path) -> None:
    run = run_of(twice)
    told = read_json(run / "metrics.json")
    told["policy"]["seen"], told["test"]["HR@10"] = "zero", 0.01
    flows.versions.write_json(run / "metrics.json", told)
    record_outputs(run)
    why = refusal(twice)
    assert "seen zero" in why and "seen mask" in why and "HR@10" not in why
    assert published(twice, same_policy=False).outcome == "published"


def test_a_damaged_run_is_refused(data: Path) -> None:
    (run_of(data) / "model.safetensors").write_bytes(b"half")
    assert "files are not as its manifest recorded" in refusal(data)
    folder = Folders(data, NAME).published
    assert (folder / "refused" / "000001" / "run" / "model.safetensors").read_bytes() == b"half"
    assert not (folder / "current").is_symlink()


def test_a_run_on_other_data_is_refused(data: Path) -> None:
    items = Folders(data, NAME).prepared / "items.parquet"
    renamed = pl.col("item") + "x"
    pl.read_parquet(items).with_columns(renamed).write_parquet(items)
    assert "trained on other data than" in refusal(data, check_schema=False)
    items.write_bytes(b"no table")
    assert "items.parquet: cannot be read" in refusal(data)


def test_a_wrong_schema_is_refused(data: Path) -> None:
    (Folders(data, NAME).prepared / "rejects.parquet").write_bytes(b"no table")
    assert "rejects.parquet" in refusal(data)
    assert published(data, check_schema=False).outcome == "published"


def test_what_is_refused_is_kept_aside_once_with_the_reasons(twice: Path) -> None:
    change_run(twice, test_HR_10=0.1)
    told = refusal(twice)
    place = Folders(twice, NAME).published / "refused" / "000002"
    assert told.endswith(f"kept in {place}")
    record = read_json(place / "refusal.json")
    failed = [check for check in record["checks"] if not check["passed"]]
    assert [(check["name"], check["value"]) for check in failed] == [("test HR@10", 0.1)]
    assert failed[0]["limit"] == pytest.approx(0.5 * 0.95)
    assert (place / "run" / "model.safetensors").is_file()
    refusal(twice)
    assert [path.name for path in place.parent.iterdir()] == ["000002"]
    change_run(twice, test_HR_10=0.6)
    assert published(twice).version.name == "000003"  # a number is given once


def test_the_method_is_the_last_unless_another_is_named(data: Path) -> None:
    config = run_config().model_copy(update={"methods": ["base", "basrec"]})
    with pytest.raises(InputError, match="basrec-sasrec-paper-seed1: no finished run"):
        publish(config, data)
    assert publish(config, data, "base").outcome == "published"
    named = config.model_copy(update={"publish": PublishConfig(method="base")})
    assert publish(named, data).outcome == "unchanged"
    assert publish(config, data, run=run_of(data)).outcome == "unchanged"


def test_gc_leaves_as_many_versions_as_publishing_says(data: Path) -> None:
    for number in range(1, 5):
        change_run(data, test_MRR_0=float(number))
        published(data, keep=1)
    # 4 is the last one, 3 is where a rollback would go to.
    assert [found.path.name for found in find_garbage(data)[0]] == ["000001", "000002"]


def test_publishing_enters_no_digest() -> None:
    plain = resolve(None, "beauty")
    other = ["publish.enabled=true", "publish.keep=2", "lock.wait_seconds=9"]
    changed = resolve(None, "beauty", other)
    assert changed.publish.enabled and changed.lock.wait_seconds == 9
    assert changed.for_method("base") == plain.for_method("base")
    assert (changed.data, changed.neighbours) == (plain.data, plain.neighbours)
