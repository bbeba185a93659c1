"""Hooks, against a real program and a real server."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.notify import check_notify, notify
from flows.watch_config import NotifyConfig
from pipeline.errors import InputError

FACTS = {"name": "x; touch owned", "outcome": "failed", "error": "$(touch owned) `touch owned`"}
Calls = list[tuple[str, Any]]


@pytest.fixture
def web() -> Iterator[tuple[str, Calls]]:
    """Give the address of a server and what was posted to it; /500 fails and /slow hangs."""
    calls: Calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.append((self.path, json.loads(body)))
            if self.path == "/slow":
                time.sleep(2)
            self.send_response(500 if self.path == "/500" else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()


def test_a_program_gets_the_facts_and_no_shell_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = "import sys, pathlib; pathlib.Path('told').write_text(sys.stdin.read() + sys.argv[1])"
    notify(NotifyConfig(command=[sys.executable, "-c", script, "; touch owned"]), FACTS)
    assert (tmp_path / "told").read_text() == json.dumps(FACTS) + "\n; touch owned"
    assert not (tmp_path / "owned").exists()
    assert NotifyConfig.model_validate({"command": "send 'to me'"}).command == ["send", "to me"]


def test_a_webhook_gets_the_facts(
    web: tuple[str, Calls], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    address, calls = web
    notify(NotifyConfig(webhook=f"{address}/plain"), FACTS)
    monkeypatch.setenv("NIGHT_HOOK", f"{address}/secret")
    notify(NotifyConfig(webhook_env="NIGHT_HOOK"), FACTS)
    assert calls == [("/plain", FACTS), ("/secret", FACTS)]
    assert capfd.readouterr().err == ""


def test_a_failing_hook_is_a_warning_without_the_address(
    web: tuple[str, Calls], capfd: pytest.CaptureFixture[str]
) -> None:
    address, _ = web
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}/s3cret"
    for webhook in (f"{address}/500", f"{address}/slow", closed):
        notify(NotifyConfig(webhook=webhook, timeout_seconds=0.5), FACTS)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    for command in (["/no/such/program"], [sys.executable, "-c", "exit(3)"], sleeper):
        notify(NotifyConfig(command=command, timeout_seconds=2), FACTS)
    told = capfd.readouterr().err
    assert told.count("warning: notify") == 6
    assert "answers 500" in told and "ReadTimeout" in told and "ConnectError" in told
    assert "No such file" in told and "ended with code 3" in told and "timed out" in told
    assert "s3cret" not in told


def test_an_address_that_is_not_there_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHT_HOOK", "s3cret")
    with pytest.raises(InputError, match="variable NIGHT_HOOK holds no http") as refused:
        check_notify(NotifyConfig(webhook_env="NIGHT_HOOK"))
    assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("NIGHT_HOOK", "https://example.org/hook")
    check_notify(NotifyConfig(webhook_env="NIGHT_HOOK"))


def test_wrong_settings_are_refused() -> None:
    for values, told in (
        ({"webhook": "ftp://x"}, "http"),
        ({"command": ""}, "name a program"),
        ({"webhook": "http://x", "webhook_env": "X"}, "two addresses"),
    ):
        with pytest.raises(ValueError, match=told):
            NotifyConfig.model_validate(values)
