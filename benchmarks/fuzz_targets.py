"""What is fuzzed: for each target what makes an input, and what of the product reads it."""

import contextlib
import hashlib
import io
import json
import shutil
import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml
from fuzz_inputs import (
    as_json,
    as_yaml,
    compressed,
    mutate_bytes,
    mutate_value,
    mutated_text,
    random_text,
    random_value,
)
from fuzz_world import EXPERIMENT, NAME, ROWS, SEARCH, config_of

import pipeline.datasets
from basrec.analysis import analyse
from basrec.checkpoint import load_checkpoint
from basrec.drift import drift_of
from basrec.evaluation import evaluate, read_metrics, read_weights
from basrec.experiment_page import write_experiment_report
from basrec.passport_page import compare_folders, render_passport
from basrec.prepared import read_prepared
from basrec.prior_file import with_prior
from basrec.report import damage_of, write_report
from basrec.run_folder import find_finished, read_config, read_history
from basrec.sweep_folder import read_sweep
from basrec.training import train
from basrec.user_ranks import read_ranks
from flows.config import build, resolve, resolve_values
from flows.data_options import data_values, table_values
from flows.experiment import cells, load_experiment, selected
from flows.folders import Folders
from flows.garbage import find_garbage
from flows.lock import _told_owner
from flows.nights import read_nights
from flows.passports import show_passport
from flows.publish_show import show_versions
from flows.publishing import publish
from flows.run import check_methods, training_config
from flows.search_config import load_search
from flows.search_study import open_study
from flows.show import show_runs
from flows.unchanged import skip_unchanged
from flows.versions import current, read_publication, roll_back, surplus
from pipeline.config import DataConfig
from pipeline.datasets import load_dataset
from pipeline.details import add_details
from pipeline.engine import Engine, open_engine
from pipeline.formats import FORMATS
from pipeline.interactions import _connect, _parsed, ingest
from pipeline.manifest import find_reusable, read_manifest, verify_outputs
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.raw_files import list_files
from pipeline.schemas import validate

SMALL = {"memory": "512MB", "threads": 1}
REVIEWS: dict[str, Callable[[str, str, int, int], dict[str, Any]]] = {
    "amazon_2014": lambda user, item, time, rating: {
        "reviewerID": user, "asin": item, "helpful": [0, 1], "reviewText": "it's \"fine\"",
        "overall": float(rating), "unixReviewTime": time,
    },
    "amazon_2018": lambda user, item, time, rating: {
        "overall": float(rating), "verified": True, "reviewerID": user, "asin": item,
        "style": {"Size:": " 1"}, "unixReviewTime": time,
    },
    "amazon_2023": lambda user, item, time, rating: {
        "rating": float(rating), "title": "t", "images": [], "parent_asin": item,
        "user_id": user, "timestamp": 1000 * time,
    },
    "yelp": lambda user, item, time, rating: {
        "review_id": "r", "user_id": user, "business_id": item, "stars": float(rating),
        "date": f"2019-01-{1 + time % 28:02d} 12:00:00",
    },
}  # fmt: skip
RATINGS = {
    "amazon_ratings_2014": "{0},{1},{3}.0,{2}\n",
    "amazon_ratings_2018": "{1},{0},{3}.0,{2}\n",
    "amazon_ratings_2023": "{0},{1},{3}.0,{2}000\n",
    "table": '"{0}"\t{1}\t{3}\t{2}\n',
}

HEADERS = (b"user_id,parent_asin,rating,timestamp\n", b"user\titem\trating\ttime\n")


@dataclass
class World:
    """What a target works with: the folder of seeds, a copy to damage, and a place for outputs."""

    seeds: Path
    data: Path
    place: Path
    read: dict[Path, bytes] = field(default_factory=dict)
    opened: ExitStack = field(default_factory=ExitStack)
    engines: list[Engine] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """Where a target lets the product write."""
        return self.place / "out"

    @property
    def folders(self) -> Folders:
        """The folders of the copy."""
        return Folders(self.data, NAME)

    def engine(self) -> Engine:
        """Give an engine that is opened once."""
        if not self.engines:
            self.engines.append(self.opened.enter_context(open_engine(self.data, "512MB", 1)))
        return self.engines[0]

    def run(self, method: str = "base") -> Path:
        """Give a run folder of the copy."""
        return self.folders.run(config_of(), method)

    def seed(self, path: Path) -> bytes:
        """Give a seed's bytes."""
        if path not in self.read:
            self.read[path] = path.read_bytes()
        return self.read[path]


Target = Callable[[World, Random], object]


def dump_lines(random: Random, name: str) -> bytes:
    """Give the lines of a small dump in a format, some of them mutated."""
    rows = ROWS[: random.choice((3, 20, 80))]
    if name in RATINGS:
        lines = [RATINGS[name].format(*row).encode() for row in rows]
        if name == "amazon_ratings_2023" or (name == "table" and random.random() < 0.5):
            lines.insert(0, random.choice(HEADERS))
    else:
        values = [REVIEWS[name](*row) for row in rows]
        lines = [_written(random, value) + b"\n" for value in values]
        for _ in range(int(random.expovariate(0.5))):
            place = random.randrange(len(lines))
            lines[place] = _written(random, mutate_value(random, values[place])) + b"\n"
    for _ in range(int(random.expovariate(0.5))):
        place = random.randrange(len(lines))
        lines[place] = mutate_bytes(random, lines[place], lines)
    text = b"".join(lines)
    return mutate_bytes(random, text) if random.random() < 0.3 else text


def _written(random: Random, value: Any) -> bytes:
    loose = random.random() < 0.3
    return repr(value).encode("utf-8", "replace") if loose else as_json(value)


def mutate_table(random: Random, table: pa.Table) -> pa.Table:
    """Change columns of a table: away, renamed, twice, of another type, other values or order."""
    for _ in range(1 + int(random.expovariate(0.8))):
        if not table.num_columns:
            break
        place = random.randrange(table.num_columns)
        name, column = table.column_names[place], table.column(place)
        kind = random.randrange(8)
        with contextlib.suppress(pa.ArrowException, OverflowError):  # not every change can be made
            if kind == 0:
                table = table.remove_column(place)
            elif kind == 1:
                names = list(table.column_names)
                names[place] = random.choice((random_text(random), *names))
                table = table.rename_columns(names)
            elif kind == 2:
                types = (
                    pa.string(),
                    pa.float64(),
                    pa.int8(),
                    pa.binary(),
                    pa.timestamp("ns"),
                    pa.bool_(),
                )
                table = table.set_column(place, name, column.cast(random.choice(types)))
            elif kind == 3:
                table = table.set_column(place, name, pa.nulls(len(table), column.type))
            elif kind == 4 and len(table):
                values = column.to_pylist()
                for _ in range(random.randrange(1, 4)):
                    values[random.randrange(len(values))] = random.choice(
                        (
                            None,
                            0,
                            -1,
                            1,
                            2**31 - 1,
                            2**62,
                            "",
                            "[/b]",
                            float("nan"),
                            [],
                            [0],
                            [10**6],
                        )
                    )
                table = table.set_column(place, name, pa.array(values, column.type))
            elif kind == 5:
                table = table.slice(random.randrange(len(table) + 1), random.randrange(20))
            elif kind == 6 and len(table):
                table = table.take([random.randrange(len(table)) for _ in range(len(table))])
            elif kind == 7:
                values = [random_value(random) for _ in range(len(table))]
                table = table.set_column(place, name, pa.array(map(repr, values), pa.string()))
    return table


def parquet_bytes(table: pa.Table) -> bytes:
    """Write a table as Parquet."""
    held = io.BytesIO()
    pq.write_table(table, held)
    return held.getvalue()


def mutated_file(random: Random, path: Path, data: bytes) -> bytes:
    """Mutate a file by what it is."""
    if random.random() < 0.3:
        return mutate_bytes(random, data)
    if path.suffix == ".parquet":
        return parquet_bytes(mutate_table(random, pq.read_table(io.BytesIO(data))))
    if path.suffix == ".json":
        return mutated_text(random, json.loads(data), "json", (data,))
    if path.suffix == ".yaml":
        return mutated_text(random, yaml.safe_load(data), "yaml", (data,))
    if path.suffix == ".safetensors":
        return _mutated_weights(random, data)
    if path.suffix == ".pt":
        return _mutated_checkpoint(random, data)
    lines = data.splitlines(keepends=True)
    place = random.randrange(len(lines))
    line = lines[place]
    with contextlib.suppress(ValueError):
        line = as_json(mutate_value(random, json.loads(line))) + b"\n"
    lines[place] = line if random.random() < 0.8 else mutate_bytes(random, line, lines)
    return b"".join(lines)


def _mutated_weights(random: Random, data: bytes) -> bytes:
    size = struct.unpack("<Q", data[:8])[0]
    header = mutate_value(random, json.loads(data[8 : 8 + size]))
    text = as_json(header)
    told = random.choice((len(text), len(text), len(text), 2**63, 10**12, 0))
    return struct.pack("<Q", told) + text + data[8 + size :]


def _mutated_checkpoint(random: Random, data: bytes) -> bytes:
    """Change what is saved, or the bytes; the checksum fits all the same."""
    content = data[:-32]
    if random.random() < 0.5:
        content = mutate_bytes(random, content)
    else:
        values = torch.load(io.BytesIO(content), weights_only=True)
        part: Any = values
        for _ in range(random.randrange(1, 4)):
            keys = [k for k in part if isinstance(part[k], dict) and part[k]]
            if not keys:
                break
            part = part[random.choice(keys)]
        key = random.choice([*part])
        if random.random() < 0.3:
            del part[key]
        else:
            part[random.choice((key, random_text(random)))] = random.choice(
                (
                    random_value(random),
                    torch.zeros(3),
                    torch.ones(2, 2, dtype=torch.int8),
                    {1: None},
                )
            )
        held = io.BytesIO()
        torch.save(values, held)
        content = held.getvalue()
    return content + hashlib.sha256(content).digest()


def write_dump(world: World, random: Random, name: str) -> tuple[Path, DataConfig]:
    """Write a dump, packed in some way, and give how it is to be read."""
    source = name if name != "auto" else random.choice(list(FORMATS))
    values: dict[str, Any] = {"format": name, **SMALL, "min_count": random.choice((1, 2, 5))}
    values["allow_truncated"] = random.random() < 0.5
    values["max_rejects"] = random.choice((0.0, 0.01, 1.0, 1.0, 1.0))
    values["member"] = random.choice((None, None, None, "*", "*review*", "[", "../*"))
    if name == "table":
        values["table"] = table_config(random)
    data = dump_lines(random, source)
    if source == "table" and random.random() < 0.4:
        data = table_parquet(random)
    file = world.place / random.choice(("dump", "dump.json.gz", "d*?[.csv", 'it\'s "%s".tsv'))
    file.write_bytes(compressed(random, data))
    return file, build(DataConfig, values)


def lines_target(name: str) -> Target:
    """Fuzz the reading and parsing of a raw layout alone, which is many times as fast."""

    def fuzz(world: World, random: Random) -> object:
        file, config = write_dump(world, random, name)
        engine = world.engine()
        engine.drop("fields", "json_lines", "csv_lines", "columns")  # of the input before
        list_files([file])
        return [batch.num_rows for batch in _parsed(engine, _connect(engine, [file], config)[0])]

    return fuzz


def raw_target(name: str) -> Target:
    """Fuzz the reading of a raw layout, and now and then all of the preparation."""

    def fuzz(world: World, random: Random) -> object:
        file, config = write_dump(world, random, name)
        ingest([file], world.out / "ingested", config)
        if random.random() < 0.3:
            prepare(world.out / "ingested", world.out / "prepared", config, None)
            if random.random() < 0.3:
                add_neighbours(world.out / "prepared", config_of().neighbours, "512MB", 1)
            validate(world.out / "prepared")

    return fuzz


def table_config(random: Random) -> dict[str, Any]:
    """Give the section data.table, mostly one that fits."""
    if random.random() < 0.5:
        places: dict[str, Any] = {"user": 1, "item": 2, "rating": 3, "time": 4}
    else:
        places = {"user": "user", "item": "item", "rating": "rating", "time": "time"}
    more = {
        "time_unit": random.choice(("seconds", "milliseconds", "nanoseconds", "days", "iso")),
        "delimiter": random.choice((None, None, "\t", ",", "::", '"', "\n", "'", "é", "")),
        "quotes": random.random() < 0.7,
        "header": random.choice((None, None, True)),
    }
    if random.random() < 0.2:
        more["time_format"] = random.choice(("%Y-%m-%d", "%s", "%", "%Q", "", "%f%f%f", "x"))
    table = places | {key: value for key, value in more.items() if random.random() < 0.5}
    return mutate_value(random, table) if random.random() < 0.2 else table


def table_parquet(random: Random) -> bytes:
    """Give a table as Parquet, mutated."""
    users, items, times, ratings = zip(*ROWS, strict=True)
    columns = {"user": users, "item": items, "rating": ratings, "time": times}
    data = parquet_bytes(mutate_table(random, pa.table({k: list(v) for k, v in columns.items()})))
    return mutate_bytes(random, data) if random.random() < 0.5 else data


def fuzz_details(world: World, random: Random) -> object:
    """Fuzz the metadata of items."""
    shutil.copytree(world.seeds / "prepared" / NAME, world.out / "prepared")
    values: list[dict[str, Any]] = [
        {"asin": "item1", "title": "A", "brand": "B", "categories": [["C", "D"]]},
        {"parent_asin": "item2", "title": "A", "store": "S", "categories": ["C"], "images": [{}]},
        {"business_id": "item3", "name": "N", "categories": "a, b", "hours": None},
    ]
    lines = [_written(random, mutate_value(random, value)) for value in values * 3]
    lines = [mutate_bytes(random, line) if random.random() < 0.3 else line for line in lines]
    (world.place / "business.json").write_bytes(compressed(random, b"\n".join(lines)))
    return add_details(world.out / "prepared", [world.place / "business.json"], "512MB", 1)


RUN_FILE: dict[str, Any] = {
    "name": NAME, "dataset": "beauty", "raw": ["a.json", "b/*.gz"], "methods": ["base", "basrec"],
    "preset": "paper", "seed": 3, "device": "cpu", "verify": "stat",
    "data": {"format": "table", "table": {"user": 1, "item": "i", "time": 3}, "min_count": 5,
             "since": "2019-01-01", "split": "last_n", "held_out": 2, "memory": "1GB"},
    "neighbours": {"similarity": "iuf", "top": 5},
    "model": {"backbone": "sasrec", "embedding_size": 8, "max_length": 50, "dropout": 0.1},
    "train": {"batch_size": 8, "stage1": {"epochs": 2, "patience": 3}, "loss": "bce"},
    "augmentation": {"alpha": 0.4, "rate": [0.2, 0.7], "mixup": "nonlinear"},
    "evaluation": {"seen": "mask"},
    "notify": {"on": "always", "command": ["true"], "webhook": "http://127.0.0.1:1/x"},
    "tracking": {"mlflow": "http://127.0.0.1:2"},
    "retry": {"attempts": 2, "wait_seconds": 1.5}, "lock": {"wait_seconds": 0},
    "publish": {"enabled": True, "tolerance": 0.05, "keep": 3, "metrics": ["NDCG@10"]},
}  # fmt: skip


def fuzz_run_file(world: World, random: Random) -> object:
    """Fuzz the config file of a run."""
    file = world.place / "run.yaml"
    part = {key: value for key, value in RUN_FILE.items() if random.random() < 0.7}
    text = as_yaml(random, mutate_value(random, part) if random.random() < 0.5 else part)
    if random.random() < 0.6:
        text = mutated_text(random, part, "yaml", (as_json(RUN_FILE),))
    file.write_bytes(text)
    config = resolve(file, random.choice((None, None, "beauty", "sample")), [])
    check_methods(config)
    return config.model_dump_json()


def fuzz_overrides(world: World, random: Random) -> object:
    """Fuzz `--set KEY=VALUE`, `--only`, `--columns` and what is read like them."""
    words = [override(random) for _ in range(random.randrange(1, 4))]
    kind = random.randrange(5)
    if kind < 2:
        named = random.choice((None, None, "beauty", "sample", random_text(random)))
        return resolve(None, named, ["name=a", *words])
    if kind == 2:
        options = {"method": random.choice((None, "basrec", random_text(random))), "seed": 1}
        return training_config(None, random.choice((None, "fmlp", "")), options, words)
    if kind == 3:
        columns = mutate_bytes(random, b"user=1,item=2,rating=3,time=4").decode("utf-8", "replace")
        table = table_values(columns, None, None, random.choice((None, "\\t", "")), False)
        return build(DataConfig, data_values({"table": table}, words))
    experiment = load_experiment("quick", resolve_sections(words))
    return selected(cells(experiment, world.data), [random.choice((f"seed={words[0]}", words[0]))])


def resolve_sections(words: list[str]) -> dict[str, Any]:
    """Read overrides as a sweep does."""
    from flows.config import parse_overrides

    return parse_overrides(words)


def override(random: Random) -> str:
    """Give the text of one override, half of them known ones that are hardly changed."""
    if random.random() < 0.5:
        text = random.choice(OVERRIDES).encode()
        return (mutate_bytes(random, text) if random.random() < 0.4 else text).decode(
            errors="replace"
        )
    path = random.choice(OVERRIDES).partition("=")[0]
    value = as_json(random_value(random)).decode() if random.random() < 0.6 else random_text(random)
    return f"{path}={value}"


OVERRIDES = (
    *("model.backbone=gru4rec", "model.dropout=0.3", "train.loss=bce", "train.batch_size=64"),
    *("train.stage1.epochs=3", "augmentation.rate=[0.1, 0.5]", "augmentation={alpha: 0.3}"),
    *("evaluation.seen=zero", "evaluation={ties: mean, block_size: 8}", "device=cpu"),
    *("seed=4", "methods=[base, basrec]", "data.since=2019-01-31", "data={min_count: 3}"),
    *("data.table={user: 1, item: i, time: 3}", "notify.webhook=http://127.0.0.1/x", "raw=[a, b]"),
    *("publish.tolerance=0.1", "retry.wait_seconds=1.5", "name=a"),
)


def fuzz_experiment(world: World, random: Random) -> object:
    """Fuzz an experiment file."""
    file = world.place / "experiment.yaml"
    file.write_bytes(mutated_text(random, EXPERIMENT, "yaml", (as_json(EXPERIMENT),)))
    experiment = load_experiment(str(file))
    small = len(experiment.seeds) * len(experiment.variants) * len(experiment.datasets) < 50
    return cells(experiment, world.data) if small else None


def fuzz_search(world: World, random: Random) -> object:
    """Fuzz a search file."""
    file = world.place / "search.yaml"
    file.write_bytes(mutated_text(random, SEARCH, "yaml", (as_json(SEARCH),)))
    search = load_search(file, [override(random)] if random.random() < 0.2 else [])
    return [search.num_trials, search.grid_point(0) if search.sampler == "grid" else None]


def fuzz_dataset(world: World, random: Random) -> object:
    """Fuzz a dataset file, as one that somebody has added."""
    folder = world.place / "configs" / "datasets"
    folder.mkdir(parents=True)
    known = world.seed(pipeline.datasets.configs_folder() / "datasets" / "beauty.yaml")
    (folder / "beauty.yaml").write_bytes(
        mutated_text(random, yaml.safe_load(known), "yaml", (known,))
    )
    kept = pipeline.datasets.configs_folder
    pipeline.datasets.configs_folder = lambda: folder.parent  # type: ignore[assignment]
    try:
        load_dataset("beauty")
        return resolve_values({}, "beauty")
    finally:
        pipeline.datasets.configs_folder = kept


def damaged(within: str, *readers: Callable[[World], object]) -> Target:
    """Fuzz readers of a data folder, of whose files that fit a pattern one is mutated."""
    names: list[Path] = []

    def fuzz(world: World, random: Random) -> object:
        if not names:
            names.extend(sorted(path for path in world.seeds.glob(within) if path.is_file()))
        source = random.choice(names)
        target = world.data / source.relative_to(world.seeds)
        reader = random.choice(readers)
        data = mutated_file(random, source, world.seed(source))
        target.unlink()  # which may be a link of another's
        if random.random() < 0.97:
            target.write_bytes(data)
        try:
            return reader(world)
        finally:
            if target.is_dir():
                shutil.rmtree(target)
            target.write_bytes(world.seed(source))

    return fuzz


def _quiet(show: Callable[[World], object]) -> Callable[[World], object]:
    def shown(world: World) -> object:
        with contextlib.redirect_stdout(io.StringIO()):
            return show(world)

    return shown


def _resume(world: World) -> object:
    """Go on with a training, of which the last checkpoint is damaged."""
    work = world.out / "run.partial"
    shutil.copytree(world.run(), work)
    return train(
        world.folders.prepared, world.out / "run", config_of().for_method("base"), resume=True
    )


def _ingested_again(world: World) -> object:
    place = world.out / "prepared"
    return prepare(world.folders.ingested, place, config_of().data, None)


def _published_again(world: World) -> object:
    shutil.copytree(world.data, world.out / "data", symlinks=True)
    data = world.out / "data"
    with contextlib.suppress(Exception):
        publish(config_of(), data, method="base", again=True)
    return roll_back(data / "published" / NAME)


def _published(world: World) -> object:
    folder = world.folders.published
    now = current(folder)
    return [surplus(folder, 1), now and read_publication(now)]


def _refused(world: World) -> object:
    shutil.copytree(world.data, world.out / "data", symlinks=True)
    return publish(config_of(), world.out / "data", method="basrec", again=True)


def _garbage(world: World) -> object:
    return find_garbage(world.data, 0.0, None)


def _nights(world: World) -> object:
    skip_unchanged(config_of(), world.data)
    return drift_of(read_nights(world.data, NAME))


def _report(world: World) -> object:
    runs = [world.run(), world.run("basrec")]
    nights = read_nights(world.data, NAME)
    return write_report(runs, world.out / "report.html", nights=nights)


def _sweep_report(world: World) -> object:
    folder = pipeline.datasets.configs_folder() / "published"
    return write_experiment_report(world.data / "sweeps" / "small", folder, world.out / "r.html")


def _weights(world: World) -> object:
    return read_weights(world.run())


def _versions(world: World) -> object:
    with contextlib.redirect_stdout(io.StringIO()):
        return show_versions(world.data / "published", None)


def _analysis(world: World) -> object:
    return analyse(world.run("basrec"))


def _sweep(world: World) -> object:
    return read_sweep(world.data / "sweeps" / "small")


def _study(world: World) -> object:
    place = world.data / "searches" / "small"
    study = open_study(place, load_search(place / "search.yaml"), {"data": "d"})
    return study.trials


def _checkpoint(world: World) -> object:
    key = json.loads(
        world.seed(world.seeds / world.run().relative_to(world.data) / "manifest.json")
    )
    return load_checkpoint(world.run() / "checkpoint.pt", key["key"])


def _manifests(world: World) -> object:
    ingested, prepared = world.folders.ingested, world.folders.prepared
    find_reusable(ingested, "ingest", "k")
    read_manifest(prepared, "prepare")
    verify_outputs(ingested, "ingest")
    return find_finished(world.run(), "k")


def _owner_told(world: World) -> object:
    return _told_owner(world.data / "nights" / f"{NAME}.jsonl")


PREPARED = (
    lambda world: read_prepared(world.folders.prepared),
    lambda world: validate(world.folders.prepared),
    lambda world: evaluate(world.run(), "test", world.folders.prepared),
    lambda world: with_prior(read_prepared(world.folders.prepared), world.folders.prepared),
)
PASSPORT = (
    lambda world: render_passport(world.folders.prepared, NAME),
    lambda world: compare_folders(world.folders.prepared, world.seeds / "prepared" / NAME),
    _quiet(lambda world: show_passport(world.folders.prepared, None, world.out / "p.html")),
    lambda world: read_prepared(world.folders.prepared),
    lambda world: validate(world.folders.prepared),
)
RUN = (
    lambda world: evaluate(world.run(), "test", world.folders.prepared),
    lambda world: [read_config(world.run()), read_history(world.run())],
    lambda world: read_metrics(world.run()),
    lambda world: read_ranks(world.run(), "test"),
    lambda world: damage_of(world.run()),
    _quiet(lambda world: show_runs([world.run(), world.run("basrec")])),
    _manifests,
)
TARGETS: dict[str, tuple[Target, float]] = {
    "run config": (fuzz_run_file, 130),
    "overrides": (fuzz_overrides, 240),
    "experiment": (fuzz_experiment, 110),
    "search": (fuzz_search, 80),
    "dataset": (fuzz_dataset, 20),
    "ingested folder": (damaged("ingested/mine/*", _ingested_again), 2),
    "passport and manifest": (damaged("prepared/mine/*.json", *PASSPORT), 1),
    "resume": (damaged("runs/mine/base*/checkpoint.pt", _resume), 1),
    "analysis": (damaged("runs/mine/basrec*/*[!t]", _analysis), 0.3),
    "report": (damaged("runs/mine/*/*[!t]", _report), 0.3),
    "sweep": (damaged("sweeps/small/*", _sweep), 4),
    "sweep report": (damaged("sweeps/small/*", _sweep_report), 0.3),
    "search journal": (damaged("searches/small/*", _study), 10),
    "nights": (damaged("nights/*", _nights, _owner_told), 3),
    "published": (damaged("published/mine/**/*.json", _published, _garbage, _versions), 80),
    "publishing": (damaged("[pr]u*/mine/**/*.json", _published_again, _refused), 1),
    "clean-up": (damaged("sweeps/small/*.csv", _garbage), 40),
    "prepared folder": (damaged("prepared/mine/*.parquet", *PREPARED), 10),
    "manifests": (damaged("*/mine/**/manifest.json", _manifests), 100),
    "run folder": (damaged("runs/mine/base*/*[!t]", *RUN), 12),
    "weights": (damaged("runs/mine/base*/model.safetensors", _weights, RUN[0]), 25),
    "checkpoint": (damaged("runs/mine/base*/checkpoint.pt", _checkpoint), 70),
    "item metadata": (fuzz_details, 1),
    **{f"raw {name}": (raw_target(name), 1) for name in (*FORMATS, "auto")},
    **{f"lines {name}": (lines_target(name), 10) for name in FORMATS},
}
"""By name: what is called with each input, and how often beside the others."""
