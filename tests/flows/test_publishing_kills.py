"""Publishing that is killed at any step, and what is left of it."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import flows.publishing
import flows.versions
from flows.folders import Folders
from flows.garbage import find_garbage
from flows.publish_show import show_versions
from flows.versions import current, is_whole
from pipeline.errors import InputError
from tests.flows.data_folder import (
    NAME,
    published,
)

STEPS = {
    flows.publishing.shutil: ("copyfile",),
    flows.versions: ("sync",),
    flows.publishing: ("sync", "write_json"),
    Path: ("rename", "replace", "symlink_to", "mkdir"),
}


def publish_until_killed(data: Path, step: int) -> bool:
    """Publish in a process that is killed before a step; tell whether it was."""
    child = os.fork()
    if child == 0:
        left = [step]
        for owner, names in STEPS.items():
            for name in names:
                setattr(owner, name, counted(getattr(owner, name), left))
        published(data)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def counted(function: Any, left: list[int]) -> Any:
    def step(*arguments: Any, **options: Any) -> Any:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*arguments, **options)

    return step


def test_a_kill_at_any_step_leaves_a_whole_version_current(
    twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The checks only read; without them the process can be forked.
    monkeypatch.setattr(flows.publishing, "check_all", lambda *_: [])
    step, found = 0, set()
    while True:
        data = tmp_path / f"killed-{step}"
        shutil.copytree(twice, data, symlinks=True)
        was_killed = publish_until_killed(data, step)
        now = current(Folders(data, NAME).published)
        assert now and is_whole(now)
        found.add(now.name)
        again = published(data)
        assert is_whole(again.version) and current(again.version.parent) == again.version
        assert again.outcome == ("published" if now.name == "000001" else "unchanged")
        if not was_killed:
            break
        step += 1
    assert step > 20 and found == {"000001", "000002"}


@pytest.mark.parametrize(
    "told", [{"keep": [1], "run": 3, "at": []}, {"keep": "x"}, [], {"keep": -1}]
)
def test_a_publication_of_other_values_is_shown_and_cleaned_up(told: Any, tmp_path: Path) -> None:
    version = tmp_path / "published" / "mine" / "000001"
    version.mkdir(parents=True)
    (version / "publication.json").write_text(json.dumps(told))
    (version.parent / "refused" / "000002").mkdir(parents=True)
    show_versions(tmp_path / "published", None)
    assert find_garbage(tmp_path) == ([], 0)
    (version / "run").mkdir()
    (version / "run" / "metrics.json").write_text('{"test": {"HR@10": "much"}}')
    with pytest.raises(InputError, match=r"metrics.json: not as promised"):
        show_versions(tmp_path / "published", None)
