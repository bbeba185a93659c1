"""The processes of a sweep: why one failed, in words that help."""

from pathlib import Path

import pytest

from basrec.errors import MachineError
from flows.children import Children, Stopped, failure
from flows.sweep_plan import plan
from tests.flows.sweeping import grid_of


def test_a_process_says_why_it_failed_and_the_next_one_is_not_started_after_a_stop(
    tmp_path: Path,
) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}})
    step = plan(grid, tmp_path).run_of(grid[0])
    order = step.order(tmp_path / "locks") | {"prepared": str(tmp_path / "nowhere")}
    children = Children()
    with pytest.raises(MachineError, match=r"nowhere/sequences.parquet: no such file"):
        children.run(order, lambda line: None)
    children.stop()
    with pytest.raises(Stopped):
        children.run(order, lambda line: None)


@pytest.mark.parametrize(
    ("code", "complaints", "told"),
    [
        (1, "warning\nerror: no room; free space\n\n", "no room; free space"),
        (1, "Traceback\nValueError: odd\n", "ValueError: odd"),
        (3, "", "ended with code 3"),
        (
            2,
            "error: runs/x: not empty and not a run folder; choose another --out\n",
            "runs/x: not empty and not a run folder; move it away or delete it, then sweep again",
        ),
        (
            2,
            "error: x: no base run; train it first with --method base, or leave out --start-from\n",
            "x: no base run; move it away or delete it, then sweep again",
        ),
        (2, "error: x: no such file; name it by --outer", "x: no such file; name it by --outer"),
        (-9, "warning\n", "killed by SIGKILL (out of memory?)"),
        (-11, "", "killed by SIGSEGV"),
    ],
)
def test_the_last_words_of_a_process_are_the_message(code: int, complaints: str, told: str) -> None:
    assert failure(code, complaints) == told


def test_a_failed_cell_says_what_to_do_in_a_sweep(tmp_path: Path) -> None:
    _, grid = grid_of(tmp_path, {"Base": {"method": "base"}})
    step = plan(grid, tmp_path).run_of(grid[0])
    step.folder.mkdir(parents=True)
    (step.folder / "notes.txt").write_text("mine")
    with pytest.raises(MachineError, match=r"not a run folder; move it away or delete it, then"):
        Children().run(step.order(tmp_path / "locks"), lambda line: None)
