"""The browser that tests and pictures of pages use."""

from pathlib import Path

import pytest

from tests.browsing import browse


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text("<title>A</title><p style='margin-top: 900px'>deep</p>")
    return tmp_path / "page.html"


def test_an_expression_is_told_as_json(page: Path) -> None:
    assert browse(page).stdout == '"A"\n'
    assert browse(page, "--tell", "[innerWidth, null]", "--width", "411").stdout == "[411, null]\n"


@pytest.mark.parametrize("tell", ["nosuch.thing", "(", "1); (2"])
def test_an_expression_that_fails_is_an_error(page: Path, tell: str) -> None:
    done = browse(page, "--tell", tell)
    assert done.returncode == 2 and done.stderr.startswith("error: --tell: ")
    assert done.stderr.count("\n") == 1 and not done.stdout


def test_a_picture_has_the_whole_window(page: Path, tmp_path: Path) -> None:
    gui = pytest.importorskip("PySide6.QtGui")
    done = browse(page, "--height", "1000", "--width", "200", "--picture", str(tmp_path / "a.png"))
    assert done.returncode == 0, done.stderr
    image = gui.QImage(str(tmp_path / "a.png"))
    assert (image.width(), image.height()) == (200, 1000)
    dark = [y for y in range(1000) for x in range(60) if image.pixelColor(x, y).lightness() < 99]
    assert dark and min(dark) > 890  # the word at the end, drawn


def test_a_picture_that_cannot_be_is_an_error(page: Path, tmp_path: Path) -> None:
    for file, picture, told in (
        (page, "nowhere/a.png", "cannot be written"),
        (page, "a.jpg", "name a .png file"),
        (tmp_path / "missing.html", "a.png", "does not exist"),
    ):
        done = browse(file, "--height", "1000", "--picture", str(tmp_path / picture))
        assert done.returncode == 2 and told in done.stderr
        assert not (tmp_path / picture).exists()
