"""The audit of dependencies: what it finds fails, what it cannot ask is passed over."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

FOUND = {
    "vulns": [
        {
            "id": "GHSA-1",
            "aliases": ["CVE-1"],
            "summary": "bad",
            "published": "2020-01-01T00:00:00Z",
            "modified": "2020-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": "jinja2", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2.5"}]}],
                    "versions": ["2.4.1"],
                }
            ],
        }
    ]
}


@pytest.fixture
def tool() -> ModuleType:
    """Load the script, which belongs to no package."""
    pytest.importorskip("pip_audit")
    place = Path(__file__).parents[2] / "tools" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def database() -> Iterator[str]:
    """Serve one vulnerability of jinja2, and none of anything else."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            told = json.dumps(FOUND if b"jinja2" in asked else {}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_what_is_found_fails_unless_it_is_ignored_with_a_reason(
    tool: ModuleType,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("# pinned\njinja2==2.4.1\nidna==3.20\n")
    assert tool.audit(pins, database) == 1
    assert "jinja2 2.4.1: CVE-1 (mended in: 2.5)" in capsys.readouterr().out
    monkeypatch.setitem(tool.IGNORED, "GHSA-1", "no template is from outside")
    assert tool.audit(pins, database) == 0
    assert "ignored: no template is from outside" in capsys.readouterr().out


def test_without_the_network_a_line_says_so(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("idna==3.20\n")
    assert tool.audit(pins, "http://127.0.0.1:9/") == 0
    told = capsys.readouterr().out
    assert told.startswith("audit: skipped") and told.count("\n") == 1
