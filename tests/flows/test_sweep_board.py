"""How a sweep goes, for people."""

from rich.console import Console

from flows.sweep_board import Board, duration, epoch_cells


def test_the_board_counts_and_shows_what_runs() -> None:
    board = Board(["a", "b", "c", "d"], jobs=2)
    board.move("a", "running")
    board.move("a", "done")
    board.move("b", "running")
    line = {"stage": 1, "epoch": 2, "epochs": 10, "seconds": 9.0, "validation": 0.25}
    board.epoch("b", line)
    board.epoch("b", {**line, "epoch": 3, "validation": None})
    board.move("c", "failed", "no room")
    console = Console(width=100)
    with console.capture() as captured:
        console.print(board.render())
    told = captured.get()
    assert "1 done, 1 running, 1 waiting, 1 failed; about" in told
    assert (
        "3/10" in told and "0.2500" in told and "1 min 3 s" in told
    )  # the last validation; 7 epochs of 9 s
    assert "c: no room" in told
    assert board.share_done == 0.5


def test_times_are_said_in_two_units() -> None:
    assert [duration(s) for s in (9.4, 63, 7260)] == ["9 s", "1 min 3 s", "2 h 1 min"]
    assert epoch_cells(None) == ["", "starts", "", ""]
