"""Which signal has come to end the command, whoever handled it: Python writes each down as it arrives.

Dagster's handlers in a run, and DuckDB, which ends its query with a RuntimeError, keep the signal to themselves.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT
ENDING = (signal.SIGINT, signal.SIGTERM)
_pipe: list[int] = []
_arrived: list[int] = []


def remember_signals() -> None:
    """From here on; earlier signals are forgotten."""
    if threading.current_thread() is not threading.main_thread():
        return  # Python tells no other
    if not _pipe:
        _pipe.extend(os.pipe())
        for end in _pipe:
            os.set_blocking(end, False)
    signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)
    has_come()
    _arrived.clear()


def has_come() -> bool:
    """Whether a signal has come that ends the command."""
    try:
        written = os.read(_pipe[0], 4096) if _pipe else b""
    except BlockingIOError:
        written = b""
    _arrived.extend(number for number in written if number in ENDING)
    return bool(_arrived)


def exit_code() -> int:
    """128 and the number of the first signal; SIGINT's where none has been seen."""
    return 128 + _arrived[0] if has_come() else INTERRUPTED


def end_at_once(code: int) -> NoReturn:
    """End the process when all is closed, and what was to be done at its end, without Python's taking it apart.

    That takes a fifth of a large publication's time. After a signal readers may still wait for a source's answer:
    Python would end among them, with DuckDB's objects in their hands, and DuckDB would call those leaked.
    """
    atexit._run_exitfuncs()
    with contextlib.suppress(BrokenPipeError):  # who read it has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
