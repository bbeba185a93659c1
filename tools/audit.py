"""Look for known vulnerabilities of pinned packages; without the network say so, and go on.

    python tools/audit.py constraints.txt

Exit code 1 where there is one that IGNORED does not name, and only then.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

IGNORED: dict[str, str] = {}
"""What cannot be mended by an upgrade yet: its id, and why it does not matter here."""
SECONDS_AN_ANSWER, MOST_SECONDS = 5, 300


def audit(pins: Path, address: str | None = None) -> int:
    """Ask pip-audit about every pin; `address` is another one than that of the OSV database.

    An audit that does not come to its end, for want of the network, is passed over with a line.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins)]
        command += ["--no-deps", "--disable-pip", "--progress-spinner", "off"]
        command += ["--vulnerability-service", "osv", "--timeout", str(SECONDS_AN_ANSWER)]
        command += ["--osv-url", address] if address else []
        command += ["--format", "json", "--output", str(report)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
            told = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
        except subprocess.TimeoutExpired:
            told = [f"no end within {MOST_SECONDS} s"]
        if not report.is_file():
            print(f"audit: skipped, the index of vulnerabilities cannot be reached ({told[-1]})")
            return 0
        return _judge(report)


def _judge(report: Path) -> int:
    """Print what was found; give 1 where some of it is not to be ignored."""
    packages = json.loads(report.read_text())["dependencies"]
    code = 0
    for package in packages:
        for found in package.get("vulns", []):
            ids = [found["id"], *found.get("aliases", [])]
            reason = next((IGNORED[name] for name in ids if name in IGNORED), None)
            mended = ", ".join(found.get("fix_versions", [])) or "none yet"
            what = f"{package['name']} {package['version']}: {ids[0]} (mended in: {mended})"
            print(f"audit: {what}" + (f"; ignored: {reason}" if reason else ""))
            code = code if reason else 1
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    print(
        f"audit: {len(packages) - len(unknown)} packages looked up"
        + (f"; not known to the index: {', '.join(unknown)}" if unknown else "")
    )
    return code


if __name__ == "__main__":
    sys.exit(audit(Path(sys.argv[1])))
