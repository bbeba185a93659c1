"""Open a page in a real browser engine: read from it, and take its picture.

    python tools/browser.py PAGE.html --tell document.title
    python tools/browser.py PAGE.html --width 390 --dark --picture page.png

The engine is Chromium as Qt brings it (PySide6, of the extra `dev`), without a window or a network.
Exit code 2 where the page is not shown, the expression fails or the picture cannot be taken.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

NO_WINDOW = {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false"}
FLAGS = ["--no-sandbox", "--disable-gpu", "--log-level=3"]
NO_NETWORK = '"--host-resolver-rules=MAP * ~NOTFOUND"'
SCHEME = "--blink-settings=preferredColorScheme={}"
TOLD = """(() => {{ try {{ return JSON.stringify([eval({})]); }}
catch (error) {{ return JSON.stringify({{error: String(error)}}); }} }})()"""
MOST_SECONDS, GLANCE_MS, SAME_GLANCES = 60, 400, 3


def show(
    page: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An HTML file.")],
    tell: Annotated[
        str, typer.Option(help="JavaScript, whose value is printed as JSON.")
    ] = "document.title",
    width: Annotated[int, typer.Option(min=100, help="Of the window, in pixels.")] = 1280,
    height: Annotated[int, typer.Option(min=100, help="Of the window, in pixels.")] = 900,
    dark: Annotated[bool, typer.Option("--dark/--light", help="What the reader prefers.")] = False,
    picture: Annotated[Path | None, typer.Option(help="A .png to write.")] = None,
) -> None:
    """Open a page, print what an expression gives there, and take a picture."""
    if picture and picture.suffix != ".png":
        raise typer.BadParameter("name a .png file", param_hint="--picture")
    flags = [*FLAGS, NO_NETWORK, SCHEME.format(0 if dark else 1)]
    os.environ.update(NO_WINDOW, QTWEBENGINE_CHROMIUM_FLAGS=" ".join(flags))
    # Qt reads its settings when it is loaded.
    from PySide6.QtCore import QTimer, QUrl
    from PySide6.QtGui import QImage
    from PySide6.QtWebEngineCore import QWebEngineSettings
    from PySide6.QtWebEngineWidgets import QWebEngineView
    from PySide6.QtWidgets import QApplication

    application, view = QApplication([]), QWebEngineView()
    glances: list[QImage] = []

    def leave(told: str, code: int = 2) -> NoReturn:
        print(told, file=sys.stderr if code else sys.stdout, flush=True)
        os._exit(code)  # Qt's own end waits for the processes of the engine

    def read(is_loaded: bool) -> None:
        if not is_loaded:
            leave(f"error: {page}: cannot be shown")
        view.page().runJavaScript(TOLD.format(json.dumps(tell)), take)

    def take(value: str) -> None:
        told = json.loads(value)
        if isinstance(told, dict):
            leave(f"error: --tell: {told['error']}")
        text = json.dumps(told[0])
        if picture is None:
            leave(text, 0)
        glance(text)

    def glance(text: str) -> None:
        """Take the picture once it no longer changes: a frame is drawn bit by bit, and late."""
        glances.append(view.grab().toImage())
        last = glances[-SAME_GLANCES:]
        if len(last) < SAME_GLANCES or any(one != last[0] for one in last) or is_blank(last[0]):
            QTimer.singleShot(GLANCE_MS, lambda: glance(text))
        elif last[0].save(str(picture)):
            leave(text, 0)
        else:
            leave(f"error: {picture}: cannot be written")

    def is_blank(image: QImage) -> bool:
        small = image.convertToFormat(QImage.Format.Format_Grayscale8)
        return len(set(bytes(small.constBits()))) < 2

    view.settings().setAttribute(QWebEngineSettings.WebAttribute.ShowScrollBars, False)
    view.resize(width, height)
    view.loadFinished.connect(read)
    view.load(QUrl.fromLocalFile(str(page.resolve())))
    view.show()
    late = f"error: {page}: not shown within {MOST_SECONDS} s, or blank"
    QTimer.singleShot(MOST_SECONDS * 1000, lambda: leave(late))
    application.exec()


if __name__ == "__main__":
    typer.run(show)
