"""Processes that end with their parent, however that ends, so that nothing is left running. It knows Linux best."""

import os
import signal
import sys
import threading
import time

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def die_with_parent(expected: int | None = None) -> None:
    """Ask Linux to kill this process when its parent ends, however that happens.

    expected: the parent's process id; if it is gone already, end now. Elsewhere nothing happens
    here and `watch_parent` does the work. Safe between fork and exec.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if expected is not None and os.getppid() != expected:
            os._exit(1)


def watch_parent(interval: float = 1.0) -> None:
    """End this process with its parent: at once on Linux, elsewhere within `interval` seconds, by a thread."""
    die_with_parent()
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
