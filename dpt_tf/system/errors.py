"""What a user is told in one line, without a traceback."""

import signal
from typing import TextIO


def one_line(text: str) -> str:
    """The text with what would break the line or steer a terminal spelt out: names of files may hold anything."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def say(line: str, file: TextIO | None = None) -> None:
    """Prints a line that names a file, whatever is in the name, to standard output where no other is given."""
    print(one_line(line), file=file, flush=True)


class UserError(Exception):
    """A mistake in a file, a flag or a folder. `str()` of it is the whole line: the file and the remedy.

    Of several arguments each is a line.
    """

    def __str__(self) -> str:
        """The lines."""
        return "\n".join(map(str, self.args))


class TrainingError(Exception):
    """Training cannot go on, through no mistake in the command. `str()` of it is the whole line."""


class WorkerLost(TrainingError):
    """Another machine of a training is gone; the same command on all of them goes on. `str()` of it is the line."""


class Interrupted(Exception):
    """A signal ended a training, after it had saved."""

    def __init__(self, signum: int):
        """The signal: SIGINT or SIGTERM."""
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum
