"""Flags that say on how many workers, and whose: `dpt build` and `dpt paint` run on Apache Beam.

--workers=8                                               processes on this machine
--runner=DaskRunner --dask_client_address=tcp://a:8786    workers of a cluster of Dask
--beam=runner=FlinkRunner,flink_master=a:8081             any options of Beam
"""

import argparse
import contextlib
import importlib.util
import io
import os
import re
from typing import Any

from dpt_tf.system.errors import UserError

_MOST_WORKERS, _MOST_PARTS = 256, 2**31 - 1
_DASK = "DaskRunner"
_DASKS_CLASS = "apache_beam.runners.dask.dask_runner.DaskRunner"  # which Beam does not know by its name


def add(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("--workers", type=int, default=1, help="processes on this machine (1)")
    parser.add_argument("--runner", default="", help="whose workers: a runner of Apache Beam, for example DaskRunner")
    parser.add_argument("--dask_client_address", metavar="HOST:PORT", help="DaskRunner: the scheduler's address")
    parser.add_argument("--dask_npartitions", type=int, help="DaskRunner: how many tasks (one for each unit of work)")
    parser.add_argument(
        "--beam", default="", metavar="KEY=VALUE,...", help="options of Apache Beam, for example runner=FlinkRunner,..."
    )


def check(args: argparse.Namespace, doing: str) -> None:
    """Refuses what cannot be, before Beam is imported.

    Raises:
      UserError: a number out of range, flags that exclude each other, or what `doing` so needs is not installed.
    """
    if not 1 <= args.workers <= _MOST_WORKERS:
        raise UserError(f"--workers={args.workers}: give 1 or more, {_MOST_WORKERS} at most")
    parts = args.dask_npartitions
    if parts is not None and not 1 <= parts <= _MOST_PARTS:
        raise UserError(f"--dask_npartitions={parts}: give 1 or more, {_MOST_PARTS} at most")
    if args.workers > 1 and elsewhere(args):
        raise UserError(f"--workers={args.workers} are processes of this machine; leave it out, the runner has its own")
    on_dask = _on_dask(args)
    if (args.dask_client_address or parts) and not on_dask:
        raise UserError(f"--dask_client_address and --dask_npartitions are of --runner={_DASK}; give it, too")
    if importlib.util.find_spec("apache_beam") is None:
        raise UserError(f"{doing} needs Apache Beam: pip install 'dpt_tf[data]'")
    if on_dask and importlib.util.find_spec("distributed") is None:
        raise UserError(f"--runner={_DASK} needs Dask: pip install 'dpt_tf[dask]'")


def _on_dask(args: argparse.Namespace) -> bool:
    return args.runner.rpartition(".")[2].lower() in ("dask", _DASK.lower())


def elsewhere(args: argparse.Namespace) -> bool:
    """Whether workers may run in another folder or on another machine, so that paths must be whole ones."""
    return bool(args.runner) or "runner=" in args.beam


def whole(path: str, args: argparse.Namespace) -> str:
    """A path as every worker understands it; an address in a bucket stays as it is."""
    return os.path.abspath(path) if elsewhere(args) and "://" not in path else path


def options(args: argparse.Namespace) -> Any:
    """Beam's options.

    Raises:
      UserError: Beam has no such runner; what `--beam` says is no option, or has no such value.
    """
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

    given = args.beam.split(",") if args.beam else []
    flags = [f"--{option}" for option in given]
    if _on_dask(args):
        flags.append(f"--runner={_DASKS_CLASS}")
    elif args.runner:
        flags.append(f"--runner={args.runner}")
    if args.dask_client_address:
        flags.append(f"--dask_client_address={args.dask_client_address}")
    if args.dask_npartitions:
        flags.append(f"--dask_npartitions={args.dask_npartitions}")
    if args.workers > 1:
        flags += [
            f"--direct_num_workers={args.workers}",
            "--direct_running_mode=multi_processing",
            "--default_sdk_harness_log_level=ERROR",
        ]
    try:
        if not all(re.match(r"\w+(=|$)", option) for option in given):
            raise ValueError("no name of an option")
        with contextlib.redirect_stderr(io.StringIO()):  # a page of usage
            made = PipelineOptions(flags)
            made.get_all_options()
    except (ValueError, SystemExit) as error:
        wrong = str(error.__context__ or error).replace("argument ", "")
        raise UserError(f"--beam={args.beam}: {wrong}; give options of Apache Beam, KEY=VALUE,KEY=VALUE") from None
    workers = made.view_as(DirectOptions).direct_num_workers
    if not 0 <= workers <= _MOST_WORKERS:
        raise UserError(f"--beam={args.beam}: {workers} workers; give 1 to {_MOST_WORKERS}, or 0 for all processors")
    asked, known = made.view_as(StandardOptions), StandardOptions.KNOWN_RUNNER_NAMES
    asked.runner = _DASKS_CLASS if asked.runner == _DASK else asked.runner
    runner = asked.runner
    if runner is not None and "." not in runner and runner.lower() not in map(str.lower, known):
        raise UserError(f"--runner={runner}: no runner of Beam; have {', '.join(sorted([*known, _DASK]))}")
    return made
