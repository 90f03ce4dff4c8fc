"""Several machines that train one run together, as `TF_CONFIG` names them: checked before anything starts.

  TF_CONFIG='{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'

Every one runs the same command with its own index. TensorFlow's `chief` may stand before the workers. Where one of them
is lost, no step can be finished any more, and nobody can go on alone: the others end with the code 75 (try again).
"""

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from dpt_tf import bounds
from dpt_tf.system.errors import UserError, WorkerLost

_KINDS = ("chief", "worker")
_MOST_LETTERS = 1 << 16
_UNSET = "unset TF_CONFIG to train on this machine alone"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Who trains: `host:port` of each, the chief first, and which of them this process is."""

    workers: tuple[str, ...]
    index: int


def cluster() -> Cluster | None:
    """What `TF_CONFIG` says, or None where there is none.

    Raises:
      UserError: it cannot be used; says what is wrong with it.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return None
    try:
        said = json.loads(text) if len(text) <= _MOST_LETTERS else None
    except (ValueError, RecursionError) as error:
        raise UserError(f"TF_CONFIG is not JSON ({error}); {_UNSET}") from None
    if not isinstance(said, dict):
        raise UserError(f"TF_CONFIG is {bounds.shown(text)}; it must be an object of cluster and task; {_UNSET}")
    named, task = said.get("cluster"), said.get("task")
    if not isinstance(named, dict) or not named.keys() <= set(_KINDS) or "worker" not in named:
        raise UserError(
            f"TF_CONFIG: cluster is {bounds.shown(named)}; it must be an object of worker, a list, and at most chief, "
            f"another; {_UNSET}"
        )
    for kind in named:
        _check(kind, named[kind])
    workers = (*named.get("chief", ()), *named["worker"])
    if len(set(workers)) < len(workers):
        raise UserError(f"TF_CONFIG: two workers have one address, in {bounds.shown(list(workers))}; give each its own")
    return Cluster(workers, _index(named, task))


def _check(kind: str, addresses: Any) -> None:
    if not isinstance(addresses, list) or not addresses or (kind == "chief" and len(addresses) > 1):
        many = "one address" if kind == "chief" else "addresses, one at least"
        raise UserError(f"TF_CONFIG: {kind} is {bounds.shown(addresses)}; it must be a list of {many}; {_UNSET}")
    for address in addresses:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not re.fullmatch(r"[\w.-]+|\[[\w.:%]+\]", host) or not re.fullmatch("[0-9]{1,5}", port):
            raise UserError(f"TF_CONFIG: {kind} {bounds.shown(address)} is no address; give host:port")
        if not 1 <= int(port) <= 65535:
            raise UserError(f"TF_CONFIG: {kind} {address} has port {port}; ports are 1 to 65535")


def _index(named: dict[str, list[str]], task: Any) -> int:
    """Which of the workers this process is, the chief counted in."""
    kind, index = (task.get("type"), task.get("index")) if isinstance(task, dict) else (None, None)
    if kind not in tuple(named):
        raise UserError(
            f"TF_CONFIG: task is {bounds.shown(task)}; it must be an object of type, one of {', '.join(named)}, and "
            "index"
        )
    count = len(named[kind])
    if type(index) is not int or not 0 <= index < count:
        raise UserError(
            f"TF_CONFIG: the index of the task is {bounds.shown(index)}; of {count} {kind} it is 0 to {count - 1}"
        )
    return index + (len(named.get("chief", ())) if kind == "worker" else 0)


@contextlib.contextmanager
def told_of_losses(together: Cluster | None, kept: Callable[[], str]) -> Iterator[None]:
    """Says in one line that another worker is lost; `kept()` is what there is to go on from.

    Raises:
      WorkerLost: TensorFlow says that it hears no more of one, in whichever of its ways.
    """
    try:
        yield
    except Exception as error:
        if together is None or len(together.workers) < 2 or not _is_loss(error):
            raise
        raise WorkerLost(f"{_lost(together, str(error))} is lost; {kept()}: start all of them again") from error


def _is_loss(error: Exception) -> bool:
    from tensorflow import errors

    kinds = (errors.UnavailableError, errors.AbortedError, errors.CancelledError, errors.DeadlineExceededError)
    return isinstance(error, kinds) or (
        isinstance(error, errors.OpError | RuntimeError)
        and re.search("[Cc]ollective|[Hh]eartbeat|coordination|[Ss]ocket|[Cc]onnection", str(error)) is not None
    )


def _lost(together: Cluster, said: str) -> str:
    """Which one: the other one of two, or the one that TensorFlow names."""
    others = [number for number in range(len(together.workers)) if number != together.index]
    named = [number for number in others if re.search(rf"task[:=_ ]{number}\b", said)]
    if len(others) == 1 or len(named) == 1:
        number = (named or others)[0]
        return f"worker {number} ({together.workers[number]})"
    return f"one of the workers {', '.join(together.workers[number] for number in others)}"
