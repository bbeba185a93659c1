"""What the wheel carries."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_packages_sql_and_configs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in [*(ROOT / "sql").rglob("*.sql"), *(ROOT / "configs").rglob("*.*")]:
        assert f"pipeline/{path.relative_to(ROOT)}" in names
    for path in (ROOT / "basrec" / "kernels" / "source").iterdir():
        assert str(path.relative_to(ROOT)) in names
    assert "pipeline/prefect.yaml" in names
    assert {"flows/cli.py", "basrec/templates/report.html.j2", "pipeline/core.py"} <= names
    assert not any(name.startswith(("tests/", "data/", "sql/")) for name in names)
