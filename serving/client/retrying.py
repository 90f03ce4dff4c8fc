"""Asking again: only what was UNAVAILABLE, after longer and longer waits, within one deadline."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from serving.client.errors import ServerError

Answer = TypeVar("Answer")

FIRST, LONGEST = 0.2, 5.0  # seconds


def ask(call: Callable[[float], Answer], seconds: float, retries: int) -> Answer:
    """What `call(seconds that are left)` returns.

    The n-th wait is `0.2 * 2 ** n` seconds, at most 5, times a random 0.5 to 1: many clients that were refused together
    do not come back together.

    Raises:
      ServerError: of another kind than UNAVAILABLE; after `retries` more attempts; or no time is left for one.
    """
    end, attempt = time.monotonic() + seconds, 0
    while True:
        try:
            return call(end - time.monotonic())
        except ServerError as error:
            wait = random.uniform(0.5, 1) * min(FIRST * 2 ** min(attempt, 9), LONGEST)
            if error.code != "UNAVAILABLE" or attempt == retries or time.monotonic() + wait >= end:
                raise
        time.sleep(wait)
        attempt += 1
