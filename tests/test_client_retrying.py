"""When a refused call is tried again, and when not."""

import numpy as np
import pytest

from serving.client import ServerError, retrying


class Refusing:
    """A call that is refused with `code` some times, under a clock that only waiting moves."""

    def __init__(self, monkeypatch, code: str, times: int):
        self.now, self.left, self.waits, self.given, self.code = 0.0, times, [], [], code
        monkeypatch.setattr(retrying, "time", self)

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def __call__(self, seconds):
        self.given.append(seconds)
        if self.left:
            self.left -= 1
            raise ServerError(self.code, "no")
        return "answer"


def test_waits_double_and_each_attempt_has_the_time_that_is_left(monkeypatch):
    call = Refusing(monkeypatch, "UNAVAILABLE", 6)
    assert retrying.ask(call, 60, 6) == "answer"
    for attempt, wait in enumerate(call.waits):
        assert 0.5 * min(0.2 * 2**attempt, 5) <= wait <= min(0.2 * 2**attempt, 5)
    np.testing.assert_allclose(call.given, 60 - np.cumsum([0, *call.waits]))


def test_it_may_be_patient_for_days(monkeypatch):
    assert retrying.ask(Refusing(monkeypatch, "UNAVAILABLE", 2000), 1e5, 3000) == "answer"


@pytest.mark.parametrize(
    ("code", "seconds", "retries", "attempts"),
    [
        ("UNAVAILABLE", 60, 2, 3),
        ("UNAVAILABLE", 60, 0, 1),
        ("RESOURCE_EXHAUSTED", 60, 5, 1),
        ("UNAVAILABLE", 0.05, 5, 1),
    ],
)
def test_it_ends_when_attempts_or_time_run_out_or_the_refusal_is_of_another_kind(
    monkeypatch, code, seconds, retries, attempts
):
    call = Refusing(monkeypatch, code, 100)
    with pytest.raises(ServerError, match=code):
        retrying.ask(call, seconds, retries)
    assert len(call.given) == attempts
