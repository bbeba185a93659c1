"""Files of JSON lines."""

from pathlib import Path

from flows.json_lines import append_line, read_lines


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.jsonl"
    assert read_lines(path) == []
    for number in range(3):
        append_line(path, {"n": number, "text": "é\n"})
    assert read_lines(path) == [{"n": number, "text": "é\n"} for number in range(3)]


def test_a_half_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"n": 1}\n{"n": 2, "te')
    append_line(path, {"n": 3})
    assert read_lines(path) == [{"n": 1}, {"n": 3}]


def test_a_full_log_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for number in range(5):
        append_line(path, {"n": number}, most_bytes=20)  # a line has 9 bytes
    assert read_lines(path) == [{"n": 4}]
    assert read_lines(path.with_name("log.jsonl.1")) == [{"n": 2}, {"n": 3}]
