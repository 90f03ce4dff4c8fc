"""A scheduler of Dask and worker processes on this machine, as one starts them on several."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time


@contextlib.contextmanager
def started(folder, workers=2):
    """Yields the scheduler's address and the worker processes."""
    scheduler_file = folder / "scheduler.json"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    shared = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "env": env, "cwd": folder}
    where = [f"--scheduler-file={scheduler_file}", "--no-dashboard"]
    command = [sys.executable, "-W", "ignore", "-m", "dask"]
    processes = [subprocess.Popen([*command, "scheduler", "--host=127.0.0.1", "--port=0", *where], **shared)]
    try:
        wait(scheduler_file.exists)
        one = ["worker", "--no-nanny", "--nthreads=1", *where]
        processes += [subprocess.Popen([*command, *one], **shared) for _ in range(workers)]
        import distributed

        with distributed.Client(scheduler_file=str(scheduler_file)) as client:
            client.wait_for_workers(workers, timeout=120)
            address = client.scheduler.address
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def writing(processes, timeout=120):
    """The first of the processes that has a file of a shard open."""
    return wait(lambda: next(filter(_writes, processes), None), timeout)


def _writes(process):
    links = pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
    with contextlib.suppress(OSError):
        return any(os.readlink(link).endswith(".partial") for link in links)


def wait(there, timeout=120):
    """What `there()` gives as soon as it is true."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := there():
            return found
        time.sleep(0.002)
    raise TimeoutError(there)
