"""Right answers under load: what `serving.py` does with `--measure=soak`, `replace` and `stop`.

Sixteen clients ask with requests of their own, a signature after the other. What each is to get was computed before by
the bare call; an answer counts as right within a grey level. Memory is the server's resident set, in MiB.
"""

import pathlib
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import serving_parts as parts

CLIENTS = 16
# Grey levels: rounding, where batches are of other sizes, and how far any two requests' answers are apart at least.
SAME, OTHER = 1, 8


class Asked:
    """Requests by place: client i asks `requests[i]` in turn and expects `answers[version][i]`."""

    def __init__(self, bares: Mapping[int, parts.Bare], names: Sequence[str], clients: int = CLIENTS):
        """Computes what is expected, and makes sure that no answer could be taken for another's."""
        any_bare = next(iter(bares.values()))
        inputs = [[(name, any_bare.inputs(name, place + 1)) for name in names] for place in range(clients)]
        self.requests = [[parts.request(*each) for each in row] for row in inputs]
        self.answers = {
            version: [[bare(name, parts.tensors(x)) for name, x in row] for row in inputs]
            for version, bare in bares.items()
        }
        for which in range(len(names)):
            known = [row[which] for rows in self.answers.values() for row in rows]
            nearest = min(parts.apart(a, b) for i, a in enumerate(known) for b in known[:i])
            if nearest < OTHER:
                sys.exit(f"answers of {names[which]} are only {nearest:.1f} grey levels apart: nothing could be told")

    def check(self, place: int, which: int, response: Any) -> str:
        """Empty, or what is wrong with the answer."""
        version = response.model_spec.version.value
        if version not in self.answers:
            return f"client {place} was answered by version {version}"
        apart = parts.apart(self.answers[version][place][which], parts.arrays(response))
        return "" if apart <= SAME else f"client {place}, request {which}: {apart:.1f} grey levels from what is right"


class Clients:
    """Threads that ask without a pause until `stop` is set."""

    def __init__(self, server: parts.Server, asked: Asked, until_unavailable: bool = False):
        """Starts them. `until_unavailable`: a client to whom the server says that it goes, stops."""
        self.answers, self.versions, self.mistakes, self.stop = 0, [], [], threading.Event()
        self._asked, self._leaves, self._lock = asked, until_unavailable, threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(place, server.predict())) for place in range(len(asked.requests))
        ]
        for thread in self._threads:
            thread.start()

    def join(self, between: Callable[[], object] = lambda: None, seconds: float = float("inf")) -> None:
        """Waits until they have ended, or, after `seconds`, tells them to."""
        end = time.monotonic() + seconds
        while any(thread.is_alive() for thread in self._threads):
            if time.monotonic() > end or self.mistakes:
                self.stop.set()
            between()
            time.sleep(0.5)

    def _ask(self, place: int, predict: Callable) -> None:
        turn = place
        while not self.stop.is_set():
            which = turn % len(self._asked.requests[place])
            turn += 1
            try:
                response = predict(self._asked.requests[place][which], timeout=300)
                wrong = self._asked.check(place, which, response)
            except grpc.RpcError as error:
                if self._leaves and error.code() is grpc.StatusCode.UNAVAILABLE:
                    return
                wrong = f"client {place}, request {which}: {error.code().name}: {error.details()}"
            with self._lock:
                self.answers += 1
                if wrong:
                    self.mistakes.append(wrong)
                else:
                    self.versions.append(response.model_spec.version.value)


def soak(base: pathlib.Path, asked: Asked, flags: Sequence[str], seconds: float) -> dict:
    """No mistake, and memory that stays: how far it grows beyond what it was in the first quarter of the time."""
    samples: list[float] = []
    with parts.Server(base, *flags) as server:
        clients = Clients(server, asked)
        clients.join(lambda: samples.append(server.mebibytes()), seconds)
    quarter = len(samples) // 4
    growth = max(samples[quarter:]) / max(samples[:quarter]) - 1
    shown = [round(sample) for sample in samples[:: max(1, len(samples) // 10)]]
    return {"growth": growth, "answers": clients.answers, "mistakes": clients.mistakes[:3], "mebibytes": shown}


def replace(base: pathlib.Path, other: pathlib.Path, asked: Asked, flags: Sequence[str]) -> dict:
    """Version 1 is replaced by 2, which appears beside it, and its folder is removed, all under load."""
    with parts.Server(base, *flags) as server:
        clients, memory = Clients(server, asked), {}

        def answered(more: int) -> None:
            wanted = clients.answers + more
            while clients.answers < wanted and not clients.mistakes:
                time.sleep(0.1)

        answered(4 * CLIENTS)
        memory["version 1"] = server.mebibytes()
        other.rename(base / "2")
        while not any("version 1 unloaded" in line for line in server.said) and not clients.mistakes:
            memory["most meanwhile"] = max(memory.get("most meanwhile", 0), server.mebibytes())
            time.sleep(0.05)
        shutil.rmtree(base / "1")
        answered(4 * CLIENTS)
        memory["version 2"] = server.mebibytes()
        clients.stop.set()
        clients.join()
        time.sleep(2)
        memory["version 2, at rest"] = server.mebibytes()
    by_version = {version: clients.versions.count(version) for version in (1, 2)}
    return {"answers": by_version, "mistakes": clients.mistakes[:3], "mebibytes": memory}


def stop(base: pathlib.Path, asked: Asked, flags: Sequence[str]) -> dict:
    """SIGTERM under load: whoever was accepted is answered, the exit code is 0, and how long that takes."""
    with parts.Server(base, *flags) as server:
        clients = Clients(server, asked, until_unavailable=True)
        while clients.answers < 2 * CLIENTS and not clients.mistakes:
            time.sleep(0.1)
        before, began = clients.answers, time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait()
        took = time.monotonic() - began
        clients.join()
        promised = next((line.split("answering ")[1].split()[0] for line in server.said if "answering " in line), "")
    after = {"answered after it": clients.answers - before, "promised": promised}
    return {"exit_code": code, "seconds": took, **after, "mistakes": clients.mistakes[:3]}
