"""A process that ends when the one that started it does, however that is: by a kill too.

`python -m flows.supervised MODULE ARGUMENTS` runs another module so.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 20.0


def end_with_parent(grace_seconds: float = GRACE_SECONDS) -> None:
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


if __name__ == "__main__":
    end_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
