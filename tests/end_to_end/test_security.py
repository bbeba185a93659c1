"""What data, names and files from others cannot do; docs/security.md lists it."""

import ast
import gzip
import io
import json
import subprocess
import sys
import tarfile
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from basrec.passport_page import render_passport
from flows.config import resolve
from flows.experiment import load_experiment
from flows.passports import show_passport_table
from flows.versions import current, roll_back
from pipeline.config import DataConfig, NeighbourConfig
from pipeline.datasets import load_dataset
from pipeline.details import add_details
from pipeline.errors import InputError
from pipeline.interactions import ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.schemas import validate
from tests.conftest import dense_rows

ROOT = Path(__file__).parents[2]
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
NEVER_IMPORTED = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
SOURCES = [path for name in ("basrec", "pipeline", "flows") for path in (ROOT / name).rglob("*.py")]
SAFE_LOADERS = (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
SMALL = DataConfig(memory="512MB", threads=1)


def prepared_in(place: Path, users: list[str], items: list[str]) -> Path:
    """Prepare a dump in which every user has every item."""
    place.mkdir(parents=True)
    with (place / "dump.json").open("w") as out:
        for day, item in enumerate(items):
            for user in users:
                row = {"reviewerID": user, "asin": item, "overall": 5.0}
                out.write(
                    json.dumps({**row, "unixReviewTime": 1_300_000_000 + day * 86_400}) + "\n"
                )
    ingest([place / "dump.json"], place / "ingested", SMALL)
    prepare(place / "ingested", place / "prepared", SMALL, None)
    add_neighbours(place / "prepared", NeighbourConfig(), "512MB", 1)
    validate(place / "prepared")
    return place / "prepared"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_is_run_from_data(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in NEVER_CALLED, f"line {node.lineno}: {name}"
            said = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name == "torch.load":
                assert said.get("weights_only") == "True", f"line {node.lineno}"
            if name == "yaml.load":
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                loader = vars(import_module(module))[ast.unparse(node.args[1])]
                assert issubclass(loader, SAFE_LOADERS), f"line {node.lineno}"
            assert said.get("shell", "False") == "False" and "allow_pickle" not in said
        elif isinstance(node, ast.Import) and path.name != "checkpoint.py":  # for its errors alone
            assert not {alias.name for alias in node.names} & NEVER_IMPORTED


def test_members_of_archives_are_read_and_never_unpacked(tmp_path: Path) -> None:
    lines = "".join(
        f"{user},{item},5.0,{1_300_000_000 + day}\n" for user, item, day in dense_rows()
    )
    with tarfile.open(tmp_path / "dump.tar", "w") as archive:
        for name, kind in (("/tmp/passwd-review", tarfile.SYMTYPE), ("../../review.csv", None)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind or tarfile.REGTYPE, "/etc/passwd"
            entry.size = 0 if kind else len(lines)
            archive.addfile(entry, io.BytesIO(lines.encode()))
    config = SMALL.model_copy(update={"format": "amazon_ratings_2014"})
    done = ingest([tmp_path / "dump.tar"], tmp_path / "deep" / "out", config)
    assert done.rows["interactions"] == 36 and done.rows["rejects"] == 0
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    files = ("interactions.parquet", "manifest.json", "rejects.parquet")
    assert found == {"dump.tar", *(f"deep/out/{name}" for name in files)}
    assert not Path("/tmp/passwd-review").exists()


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "..", ".hidden", "a/b", "a\n", "a\0b", ""])
def test_no_name_leads_out_of_the_data_folder(name: str, tmp_path: Path) -> None:
    told = json.dumps(name)
    with pytest.raises(InputError, match="name"):
        resolve(None, None, [f"name={told}"])
    with pytest.raises(InputError, match="not known"):
        load_dataset(name)
    file = tmp_path / "grid.yaml"
    file.write_text(
        f"name: {told}\ndatasets: [sample]\nbackbones: [sasrec]\n"
        "variants: {A: {method: base}}\n"
    )
    with pytest.raises(InputError, match="name"):
        load_experiment(str(file))


def test_current_leads_to_a_version_and_nowhere_else(tmp_path: Path) -> None:
    published = tmp_path / "published" / "mine"
    (published / "000001").mkdir(parents=True)
    (tmp_path / "elsewhere" / "000001").mkdir(parents=True)
    for target in ("../../elsewhere/000001", str(tmp_path / "elsewhere"), "elsewhere", "."):
        (published / "current").unlink(missing_ok=True)
        (published / "current").symlink_to(target)
        with pytest.raises(InputError, match="does not lead to a version"):
            current(published)
        with pytest.raises(InputError, match="no whole version"):
            roll_back(published)


@pytest.mark.parametrize("name", ["[1]", "a*b", "it's", 'q"?', "%s", "[/b]", "; drop table x"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = prepared_in(tmp_path / name / "in", [f"u{n}" for n in range(6)], list("abcdefg"))
    show_passport_table(folder)
    passport = json.loads((folder / "passport.json").read_text())
    assert passport["core"] == {"users": 6, "items": 7, "interactions": 42}


def test_what_data_say_is_text_on_a_page(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\"'&{{7*7}}"
    users = [f"{evil}{n}" for n in range(6)]
    folder = prepared_in(tmp_path / "x", users, [f"{evil}{n}" for n in range(6)])
    meta = tmp_path / "meta.json"
    meta.write_text(json.dumps({"asin": f"{evil}1", "title": f"{evil}title"}) + "\n")
    add_details(folder, [meta], "512MB", 1)
    page = render_passport(folder, evil)
    assert "<script" not in page and "&lt;script&gt;alert" in page and "{{7*7}}" in page


BOMB = """
import resource, sys
from pathlib import Path
from pipeline.config import DataConfig
from pipeline.interactions import ingest
limit = 3 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
ingest([Path(sys.argv[1])], Path(sys.argv[2]), DataConfig(memory="512MB", threads=1))
"""


def test_a_small_file_that_inflates_without_end_is_refused_within_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.json.gz"
    member = gzip.compress(b"x" * (64 << 20), 9)  # 64 MiB in 64 KiB, and no line ends
    bomb.write_bytes(member * 100)
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(bomb), str(tmp_path / "out")],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert "InputError" in done.stderr and "a line of over 64 MB" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.json.gz"]
