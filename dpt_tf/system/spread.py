"""Units of work over workers, by Apache Beam: this process, several, or a cluster's.

A unit is a dataclass that pickles. Whoever gets one does it whole, writes what comes of it to files that every machine
sees, and says beside them how far it is. Nothing goes back through the runner, so memory does not grow with the work,
and any runner will do: no metrics, no counters, one branch. A runner that says it is done and left out a unit is found
out by who looks for the files.
"""

import contextlib
import importlib.util
import pathlib
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dpt_tf.system import files
from dpt_tf.system.errors import UserError

_POLL_SECONDS = 0.5


def over_workers(units: Sequence[Any], work: Callable[[Any], None], runner: Any = None, options: Any = None) -> None:
    """Calls `work` with each of `units`, on one core unless `options` or `runner` say otherwise.

    A worker that dies is replaced as the runner does it, and its unit begun again.

    Raises:
      UserError: as `work` does; the runner cannot be had or does not start; nobody answers at the address of a cluster,
        or its workers do not come back.
    """
    import apache_beam as beam
    from apache_beam.options import pipeline_options

    options = options or pipeline_options.PipelineOptions([])
    # The type check would unpickle every unit once more for nothing.
    options.view_as(pipeline_options.TypeOptions).pipeline_type_check = False
    if on_dask(options):
        _one_unit_a_task(options, len(units))
    with _told_of_runner(options, "cannot be used"):
        pipeline = beam.Pipeline(runner=runner, options=options)
    _ = (
        pipeline
        | "Units" >> beam.Create(units, reshuffle=False)
        | "Spread" >> beam.Reshuffle()
        | "Work" >> beam.Map(work)
    )
    with _told_of_dask(options):
        with contextlib.nullcontext() if _is_here(options) else _told_of_runner(options, "did not start"):
            result = pipeline.run()
        try:
            result.wait_until_finish()
        finally:
            if client := getattr(result, "client", None):  # Dask's, which Beam leaves open
                client.close()


def on_dask(options: Any) -> bool:
    """Whether Beam's options name its runner on Dask."""
    from apache_beam.options.pipeline_options import StandardOptions

    named = options.view_as(StandardOptions).runner or ""
    return named.lower().rpartition(".")[2].removesuffix("runner") == "dask"


def _one_unit_a_task(options: Any, count: int) -> None:
    """By itself the runner puts 128 units into one task, which is more than there are: one worker would do them all.

    Raises:
      UserError: Dask is not installed.
    """
    if importlib.util.find_spec("distributed") is None:
        raise UserError("DaskRunner needs Dask: pip install 'dpt_tf[dask]'")
    from apache_beam.runners.dask.dask_runner import DaskOptions

    asked = options.view_as(DaskOptions)
    if asked.npartitions is None and asked.partition_size is None:
        asked.npartitions = count


def _runner(options: Any) -> str:
    from apache_beam.options.pipeline_options import StandardOptions

    return options.view_as(StandardOptions).runner or "DirectRunner"


def _is_here(options: Any) -> bool:
    """Whether starting the runner is the work itself: on this machine, or on Dask, of which more is known."""
    return on_dask(options) or re.search("direct|fnapi|interactive", _runner(options), re.IGNORECASE) is not None


@contextlib.contextmanager
def _told_of_runner(options: Any, what: str) -> Iterator[None]:
    """Whatever a runner of Beam stumbles over while it is set up, in a line: options, programs, addresses."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a runner's own, of any kind
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{_runner(options)} of Beam {what} ({said}); look at --runner and --beam") from error


@contextlib.contextmanager
def _told_of_dask(options: Any) -> Iterator[None]:
    """What goes wrong between a cluster of Dask and us, in a line."""
    if not on_dask(options):
        yield
        return
    from apache_beam.runners.dask.dask_runner import DaskOptions
    from distributed.exceptions import WorkerStartTimeoutError
    from distributed.scheduler import KilledWorker

    where = options.view_as(DaskOptions).address or "this machine"
    try:
        yield
    except KilledWorker as error:
        raise UserError(
            f"Dask at {where}: {error.allowed_failures + 1} workers died over one unit of work, the last of them "
            f"{error.last_worker.address}; give them more memory, or look into their logs"
        ) from error
    except ImportError as error:
        raise UserError(
            f"Dask at {where}: a worker cannot import what it needs ({error}); install the same dpt_tf on every machine"
        ) from error
    except ValueError as error:
        if not re.match("(invalid|unknown) address", str(error)):
            raise
        raise UserError(f"Dask at {where}: {error}; name the address that `dask scheduler` prints") from error
    except (OSError, WorkerStartTimeoutError) as error:
        if getattr(error, "filename", None) is not None:
            raise
        raise UserError(
            f"Dask at {where}: nobody answers ({error}); start `dask scheduler` and workers, and name the address that "
            "it prints"
        ) from error


def refuse_elsewhere(folder: pathlib.Path) -> None:
    """A worker that does not see a folder must not go on without it.

    Raises:
      UserError: it is not there.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not there on {socket.gethostname()}; every worker must see it under this path")


def tell(path: str, done: int) -> None:
    """A worker says how much of its unit is done; what lies in a bucket is not told."""
    if "://" not in path:
        pathlib.Path(path + ".done").write_text(str(done), encoding="utf-8")


@contextlib.contextmanager
def progress(paths: Sequence[str], total: int, unit: str, name: str) -> Iterator[None]:
    """A bar that reads how far the workers `tell`, wherever they run on this file system."""
    from tqdm import tqdm

    over = threading.Event()
    told = [pathlib.Path(path + ".done") for path in paths]
    with tqdm(total=total, unit=unit, desc=name, leave=False) as bar:

        def watch() -> None:
            while not over.wait(_POLL_SECONDS):
                bar.update(sum(map(_done, told)) - bar.n)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _done(file: pathlib.Path) -> int:
    try:
        return int(files.read_text(file) or 0)
    except OSError:
        return 0
