"""The shape of the code: small files, one-way imports, a docstring in every module."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("basrec", "pipeline", "flows")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
FORBIDDEN = {
    "basrec": {"pipeline", "flows", "prefect", "duckdb", "polars", "pandera"},
    "pipeline": {"basrec", "flows", "prefect", "torch"},
    "flows": {"duckdb", "torch", "polars"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_documented_and_imports_one_way(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 250
    assert ast.get_docstring(ast.parse(text))
    package = path.relative_to(ROOT).parts[0]
    assert not imported(path) & FORBIDDEN[package]


def test_every_statement_says_its_grain_and_is_used() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "pipeline").glob("*.py"))
    for path in sorted((ROOT / "sql").glob("*.sql")):
        text = path.read_text()
        assert "Grain:" in text, path.name
        assert "select *" not in text, path.name
        used = path.stem in sources or path.stem.rsplit("_", 1)[0] in sources
        assert used, path.name


def test_every_registered_name_is_documented() -> None:
    from basrec.augmentation import AUGMENTERS, OPERATORS
    from basrec.backbones import BACKBONES
    from basrec.presets import PRESETS
    from pipeline.formats import FORMATS

    docs = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    docs += (ROOT / "README.md").read_text()
    for name in [*AUGMENTERS, *OPERATORS, *BACKBONES, *PRESETS, *FORMATS]:
        assert f"`{name}`" in docs, name


def test_every_config_key_is_documented() -> None:
    from flows.config import RunConfig, all_keys

    text = (ROOT / "docs" / "configuration.md").read_text()
    for key in all_keys(RunConfig):
        if key != "training":
            assert f"`{key}`" in text, key
