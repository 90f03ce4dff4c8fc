"""A training that is started again where it, or another machine of it, was lost: `dpt train --restart`.

The training runs as a child. It is started again

  when it ends with the code 75: another worker is lost
  when a signal ends it that was not sent here: the kernel ran out of memory, somebody killed it, TensorFlow gave up
  when it was told of no step for so long, after one at least: it hangs, and is killed first

and goes on from its last checkpoint. With any other code it is done. SIGINT and SIGTERM are passed on, once each.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dpt_tf.system import alive

AGAIN = 75  # commands.main.TRY_AGAIN
_PAUSE = 10.0  # seconds: the others are to notice the loss before the lost one is back
_LOOK = 0.25  # seconds between two looks whether it is still there
_IN_VAIN = 20  # starts in a row without a step


def keep(
    command: Sequence[str],
    silence: float,
    pause: float = _PAUSE,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> int:
    """Runs `command` until it is done; its code.

    Args:
      command: a program that calls `alive.tell` at each step.
      silence: seconds without a step after which it is killed.
      pause: seconds before it is started again.
      say: takes a line on each new start.
    """
    in_vain = 0
    with _passed_on() as passing:
        while True:
            code, steps, why = _once(command, silence, passing)
            in_vain = 0 if steps else in_vain + 1
            if not why or passing.arrived:
                return code
            if in_vain == _IN_VAIN:
                say(f"{why}, {in_vain} times in a row before a step; not started again")
                return code
            say(f"{why}; started again in {pause:g} s")
            passing.wait(pause)
            if passing.arrived:
                return 128 + passing.arrived[0]


def _once(command: Sequence[str], silence: float, passing: "_Passing") -> tuple[int, int, str]:
    """Code, steps, and why it is to be started again, empty where it is done."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    environment = {**os.environ, alive.KEPT: str(writer)}
    # A session of its own: Ctrl-C at the terminal would otherwise reach it twice, and twice is "at once, unsaved".
    process = subprocess.Popen(command, env=environment, pass_fds=[writer], start_new_session=True)
    os.close(writer)
    passing.to = process
    try:
        steps, hangs = _watched(process, reader, silence)
        if hangs:
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    finally:
        passing.to = None
        os.close(reader)
    if hangs:
        return 128 + signal.SIGKILL, steps, f"no step for {silence:g} s: killed"
    if code < 0:
        return 128 - code, steps, f"ended by {signal.Signals(-code).name}"
    return code, steps, "another worker is lost" if code == AGAIN else ""


def _watched(process: subprocess.Popen, reader: int, silence: float) -> tuple[int, bool]:
    """How many steps it told of until it ended, and whether it fell silent instead."""
    steps, heard = 0, time.monotonic()
    with selectors.DefaultSelector() as waiting:
        waiting.register(reader, selectors.EVENT_READ)
        while not steps or time.monotonic() < heard + silence:
            if waiting.select(_LOOK):
                told = os.read(reader, 1 << 16)
                if not told:
                    return steps, False
                steps, heard = steps + len(told), time.monotonic()
            elif process.poll() is not None:  # and a process that it began still has the pipe
                return steps, False
    return steps, True


class _Passing:
    """Signals on their way to the child."""

    def __init__(self) -> None:
        self.to: subprocess.Popen | None = None
        self.arrived: list[int] = []

    def note(self, signum: int, _frame: Any) -> None:
        self.arrived.append(signum)
        if self.to is not None and self.to.poll() is None:
            self.to.send_signal(signum)

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.arrived and time.monotonic() < end:
            time.sleep(min(0.2, seconds))


@contextlib.contextmanager
def _passed_on() -> Iterator[_Passing]:
    passing = _Passing()
    before = {signum: signal.signal(signum, passing.note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield passing
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
