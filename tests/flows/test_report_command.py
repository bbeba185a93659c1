"""`basrec report` on a sweep, and on runs."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from pipeline.errors import InputError


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    place = tmp_path / "sweeps" / "mine"
    place.mkdir(parents=True)
    names = {"experiment": "mine", "dataset": "beauty", "backbone": "sasrec", "split": "test"}
    rows = [
        {**names, "variant": variant, "method": variant, "seed": seed, "status": "done"}
        | {"message": None, "run": None, "HR@10": 0.05 + seed / 1000}
        for variant in ("base", "basrec")
        for seed in (1, 2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), place / "results.parquet")
    experiment = {"name": "mine", "published": "table2", "metrics": ["HR@10"]}
    (place / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    return place


def test_a_sweep_gets_its_page_and_tables(sweep: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(sweep)])
    assert done.exit_code == 0, done.output
    assert done.output.split() == [str(sweep / "report.html")]
    names = {f"report.{kind}" for kind in ("html", "md", "tex", "json")}
    assert names <= {path.name for path in sweep.iterdir()}
    page = (sweep / "report.html").read_text()
    assert f"basrec sweep {sweep / 'experiment.yaml'}" in page and "0.0639" in page
    CliRunner().invoke(app, ["report", str(sweep), "--out", str(tmp_path / "deep" / "x.html")])
    assert (tmp_path / "deep" / "x.tex").exists()


def test_the_command_for_all_of_it_names_the_data_folder(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    told = f"basrec sweep {sweep / 'experiment.yaml'} --data {tmp_path}"
    CliRunner().invoke(app, ["report", str(sweep)])
    assert told in (sweep / "report.html").read_text()
    data = tmp_path.rename(tmp_path.with_name("data"))  # where it is looked for unasked
    monkeypatch.chdir(data.parent)
    CliRunner().invoke(app, ["report", "data/sweeps/mine"])
    page = (data / "sweeps" / "mine" / "report.html").read_text()
    assert "basrec sweep data/sweeps/mine/experiment.yaml" in page and "--data" not in page


def test_a_sweep_is_reported_alone(sweep: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(sweep), "elsewhere"])
    assert isinstance(done.exception, InputError) and "report on it alone" in str(done.exception)


def test_the_help_tells_both_ways() -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["report", "--help"])
    assert "sweep's folder" in shown.output and "base one first" in shown.output
