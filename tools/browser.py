"""Open a page in a real browser engine: read from it, and take its picture.

    python tools/browser.py PAGE.html --tell document.title
    python tools/browser.py PAGE.html --width 390 --dark --picture page.png

The engine is Chromium as Qt brings it (PySide6, of the extra `dev`), without a window or a network.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

NO_WINDOW = {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false"}
FLAGS = ["--no-sandbox", "--disable-gpu", "--log-level=3"]
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"
SCHEME = "--blink-settings=preferredColorScheme={}"
MOST_SECONDS = 60


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
    flags = [*FLAGS, NO_NETWORK, SCHEME.format(0 if dark else 1)]
    os.environ.update(NO_WINDOW, QTWEBENGINE_CHROMIUM_FLAGS=" ".join(map(_quoted, flags)))
    # Qt reads its settings when it is loaded.
    from PySide6.QtCore import QTimer, QUrl
    from PySide6.QtWebEngineCore import QWebEngineSettings
    from PySide6.QtWebEngineWidgets import QWebEngineView
    from PySide6.QtWidgets import QApplication

    application, view = QApplication([]), QWebEngineView()
    told: list[Any] = []

    def read(loaded: bool) -> None:
        if not loaded:
            application.exit(2)
            return
        view.page().runJavaScript(f"JSON.stringify({tell})", take)

    def take(value: str | None) -> None:
        told.append(value)
        # A frame is drawn some time after the page is there.
        QTimer.singleShot(500 if picture else 0, leave)

    def leave() -> None:
        is_saved = picture is None or view.grab().save(str(picture), "PNG")
        application.exit(0 if is_saved else 2)

    view.settings().setAttribute(QWebEngineSettings.WebAttribute.ShowScrollBars, False)
    view.resize(width, height)
    view.loadFinished.connect(read)
    view.load(QUrl.fromLocalFile(str(page.resolve())))
    view.show()
    QTimer.singleShot(MOST_SECONDS * 1000, lambda: application.exit(2))
    if application.exec() or not told:
        raise SystemExit(f"error: {page}: not shown, or its picture not written to {picture}")
    print(json.dumps(json.loads(told[0])) if told[0] else "null", flush=True)
    os._exit(0)  # Qt's own end waits for the processes of the engine


def _quoted(flag: str) -> str:
    return f'"{flag}"' if " " in flag else flag


if __name__ == "__main__":
    typer.run(show)
