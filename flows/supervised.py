"""A process that ends when the one that started it does, however that is: by a kill too."""

import os
import signal
import threading
import time


def end_with_parent(grace_seconds: float) -> None:
    """End this process, as on SIGTERM, when its stdin closes; for certain after the grace.

    The one that started it holds the other end, and the system closes that with the process.
    """
    threading.Thread(target=_wait, args=(grace_seconds,), daemon=True).start()


def _wait(grace_seconds: float) -> None:
    while os.read(0, 4096):  # below Python's own locks
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_seconds)
    os._exit(130)
