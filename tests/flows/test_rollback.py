"""Going back to the version before, and damaged versions."""

import shutil
from pathlib import Path

import pytest

from flows.folders import Folders
from flows.publishing import publish
from flows.versions import read_publication, roll_back
from pipeline.errors import InputError
from tests.flows.data_folder import NAME, change_run, published, run_config


def test_rollback_goes_to_what_was_current_before(twice: Path) -> None:
    folder = Folders(twice, NAME).published
    assert published(twice).version.name == "000002"
    assert roll_back(folder) == ("000002", folder / "000001")
    assert (folder / "current").readlink() == Path("000001")
    left = published(twice)  # the next night comes to the same run
    assert left.outcome == "rolled back" and "version 000002, which was rolled back" in left.told
    change_run(twice, test_HR_10=0.6)
    assert published(twice).version.name == "000003"
    assert roll_back(folder)[1].name == "000001"  # not 000002, which was left for a reason
    with pytest.raises(InputError, match="no whole version before 000001"):
        roll_back(folder)
    assert publish(run_config(), twice, again=True).version.name == "000004"


def test_rollback_passes_over_a_damaged_version(twice: Path) -> None:
    published(twice)
    change_run(twice, test_HR_10=0.6)
    folder = published(twice).version.parent
    (folder / "000002" / "run" / "model.safetensors").write_bytes(b"")
    assert roll_back(folder)[1].name == "000001"


def test_a_damaged_current_version_is_told_and_mended(twice: Path) -> None:
    version = published(twice).version
    shutil.rmtree(version)
    with pytest.raises(InputError, match="does not lead to a version"):
        published(twice)
    assert roll_back(version.parent) == ("000002", version.parent / "000001")


def test_a_damaged_version_is_not_what_a_run_is_compared_with(twice: Path) -> None:
    version = published(twice).version
    (version / "run" / "metrics.json").write_text("{")
    assert published(twice).version.name == "000003"  # it is not there already
    assert read_publication(version.parent / "000003")["compared_with"] == "000001"
