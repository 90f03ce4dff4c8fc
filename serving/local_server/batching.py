"""Requests that may share a call wait for each other; a few threads take them away in batches.

Tasks with equal keys may be merged. A batch leaves when it holds `max_batch_size` rows, or when its oldest task has
waited `timeout` seconds, oldest first; or while fewer than `busy` batches are run, for then to wait is a loss.
Where batches are padded to certain sizes, one leaves with the largest of them that it fills, and what is over goes with
the next. TF Serving pads to the next larger size, as suits a GPU; on a processor a row of padding costs as much as a
request.

The queue is bounded: what does not fit is refused at once with
RESOURCE_EXHAUSTED (TF Serving says UNAVAILABLE, with the same words), and nothing waits for a place. A task whose
deadline passed, or that was cancelled, is not run.

Without `max_batch_size` nothing is merged: each task is a batch, and the bound counts tasks rather than rows.
"""

import collections
import dataclasses
import os
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any

import grpc

from serving.local_server.failures import Refusal, invalid

# `run(payloads)` gives for each payload its answer, or the exception that is its answer.
Run = Callable[[Sequence[Any]], Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How large batches become, how long they wait (seconds), how much may be in the queue."""

    max_batch_size: int | None = None
    timeout: float = 0.0
    max_enqueued_batches: int = 100
    threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple[int, ...] = ()
    busy: int = os.cpu_count() or 1

    @property
    def capacity(self) -> int:
        """Rows, or tasks where nothing is merged."""
        return self.max_enqueued_batches * (self.max_batch_size or 1)


@dataclasses.dataclass(eq=False)
class _Task:
    key: Hashable
    rows: int
    payload: Any
    run: Run
    deadline: float
    queued: float = dataclasses.field(default_factory=time.monotonic)
    answer: Future = dataclasses.field(default_factory=Future)


class Batcher:
    """The queue and its threads."""

    def __init__(self, bounds: Bounds, observe: Callable[[int, float], None] = lambda rows, waited: None):
        """`observe(rows, seconds)`: the size of each batch that leaves and how long its oldest task waited."""
        self.bounds = bounds
        self.waiting = 0
        self._observe = observe
        self._queues: dict[Hashable, collections.deque[_Task]] = {}
        self._changed = threading.Condition()
        self._closed, self._running = False, 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(bounds.threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, key: Hashable, rows: int, payload: Any, run: Run, deadline: float = float("inf")) -> Future:
        """The answer to come. `deadline` is by `time.monotonic()`. Raises Refusal where there is no place."""
        limit = self.bounds.max_batch_size
        if limit and rows > limit:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {limit}")
        weight = rows if limit else 1
        task = _Task(key if limit else object(), weight, payload, run, deadline)
        with self._changed:
            if self._closed:
                raise Refusal(grpc.StatusCode.UNAVAILABLE, "The server is shutting down")
            if self.waiting + weight > self.bounds.capacity:
                words = "The batch scheduling queue to which this task was submitted is full"
                raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, words)
            self.waiting += weight
            self._queues.setdefault(task.key, collections.deque()).append(task)
            self._changed.notify()
        task.answer.add_done_callback(lambda answer: self._forget(task) if answer.cancelled() else None)
        return task.answer

    def close(self) -> None:
        """Refuses new tasks, answers the ones it has, ends the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _forget(self, task: _Task) -> None:
        task.payload = None
        with self._changed:
            queue = self._queues.get(task.key)
            if queue and task in queue:
                queue.remove(task)
                self._taken([task])

    def _taken(self, tasks: Sequence[_Task]) -> None:
        self.waiting -= sum(task.rows for task in tasks)
        for key in {task.key for task in tasks}:
            if not self._queues[key]:
                del self._queues[key]

    def _work(self) -> None:
        while tasks := self._next():
            try:
                self._answer(tasks)
            finally:
                with self._changed:
                    self._running -= 1
            # Else the last batch would live until the next one comes.
            tasks.clear()

    def _next(self) -> list[_Task]:
        """Waits for a batch; empty when closed and nothing is left."""
        with self._changed:
            while True:
                if tasks := self._ready():
                    self._taken(tasks)
                    self._running += 1
                    return tasks
                if self._closed and not self._queues:
                    return []
                oldest = min((queue[0].queued for queue in self._queues.values()), default=None)
                self._changed.wait(
                    None if oldest is None else max(0.0, oldest + self.bounds.timeout - time.monotonic())
                )

    def _ready(self) -> list[_Task]:
        limit = self.bounds.max_batch_size or 1
        for queue in sorted(self._queues.values(), key=lambda queue: queue[0].queued):
            full = sum(task.rows for task in queue) >= limit
            waited = time.monotonic() >= queue[0].queued + self.bounds.timeout
            if full or waited or self._closed or self._running < self.bounds.busy:
                rows = sum(task.rows for task in queue)
                limit = max([size for size in self.bounds.allowed_batch_sizes if size <= rows], default=limit)
                tasks = [queue.popleft()]
                rows = tasks[0].rows
                while queue and rows + queue[0].rows <= limit:
                    tasks.append(queue.popleft())
                    rows += tasks[-1].rows
                return tasks
        return []

    def _answer(self, tasks: Sequence[_Task]) -> None:
        now = time.monotonic()
        late = [task for task in tasks if task.deadline <= now]
        live = [task for task in tasks if task.answer.set_running_or_notify_cancel() and task not in late]
        for task in late:
            task.payload = None
            if not task.answer.cancelled():
                words = "The deadline passed while the request waited in the queue"
                task.answer.set_exception(Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, words))
        if not live:
            return
        self._observe(sum(task.rows for task in live), now - live[0].queued)
        try:
            answers = live[0].run([task.payload for task in live])
        except Exception as error:
            traceback.clear_frames(error.__traceback__)  # where the payloads are, too
            answers = [error] * len(live)
        for task in live:
            task.payload = None  # a future and its callbacks are a cycle: what hangs on it waits for the collector
        for task, answer in zip(live, answers, strict=True):
            if isinstance(answer, BaseException):
                task.answer.set_exception(answer)
            else:
                task.answer.set_result(answer)
