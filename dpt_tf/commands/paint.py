"""`dpt paint`: tens of thousands of pairs -> pictures, on as many workers as there are, to be scored or looked at.

  dpt paint --pairs=pairs.csv --output=out                       a table of files: source,target
  dpt paint --model=RUN --data_dir=data/mine --output=out        the pairs of a data set that dpt evaluate scores
  dpt paint ... --workers=8                                      processes on this machine
  dpt paint ... --runner=DaskRunner --dask_client_address=...    machines that see the same folders

Pictures are called as `dpt evaluate --pictures` takes them. The same command goes on where one was stopped, and tries
again what failed; OUTPUT/failures.csv says what and why, and the code is 1 then.
"""

import argparse
import csv
import dataclasses
import io
import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from dpt_tf import shipped
from dpt_tf.commands import beam_flags, folders, people_flags, split_flags
from dpt_tf.evaluation import bulk, pair_files
from dpt_tf.images import naming
from dpt_tf.system import atomic, files, locks, quiet
from dpt_tf.system.errors import UserError, say

_FACTS, _FAILURES, _TOLD = "painting.json", "failures.csv", ".painting"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--pairs", type=folders.named, help="a table, CSV: source,target[,source_iuv][,target_iuv]")
    parser.add_argument("--photos", type=folders.named, help="what paths in the table begin at (default: its folder)")
    parser.add_argument("--data_dir", type=folders.named, help="instead of --pairs: a prepared data set")
    parser.add_argument("--split", default="test", help="of the data set (test)")
    parser.add_argument("--limit", type=int, help="at most so many pairs, spread over the people or over the table")
    parser.add_argument("--seed", type=int, default=0, help="draws the sources where the split has many")
    people_flags.add_model(parser)
    parser.add_argument("--pose", metavar="NAME|FILE|RUN", help="who makes the maps of photos without one")
    parser.add_argument("--output", type=folders.named, required=True, help="the folder of the pictures")
    beam_flags.add(parser)


@quiet.errors_only()  # without Beam's greetings
def run(args: argparse.Namespace) -> int:
    """Paints; prints how many pictures there are and how many pairs failed."""
    _check(args)
    if args.workers > 1:  # each process computes on its share of the cores
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, (os.cpu_count() or 1) // args.workers)))
    options = beam_flags.options(args)
    model = _model(args)
    output = pathlib.Path(beam_flags.whole(str(args.output), args))
    found = (_of_table if args.pairs else _of_views)(args, model, output / _TOLD)
    pictures, own = [output / f"{name}.png" for name in found.names], [output / _FACTS, output / _FAILURES]
    if line := (
        naming.refused(pictures, found.given)
        or naming.refused(own, found.given, what="a report", forms=(".json", ".csv"))
    ):
        raise UserError(line)
    facts = found.facts()
    with locks.claimed(output):
        _refuse_another(output, facts, pictures)
        shutil.rmtree(output / _TOLD, ignore_errors=True)
        (output / _TOLD).mkdir()
        failed = bulk.run(found.units, output, options=options)
        shutil.rmtree(output / _TOLD, ignore_errors=True)
        return _report(output, found.names, failed)


def _check(args: argparse.Namespace) -> None:
    if (args.pairs is None) == (args.data_dir is None):
        raise UserError("dpt paint: give --pairs=TABLE or --data_dir=DIR, one of them")
    if args.photos is not None and args.pairs is None:
        raise UserError("--photos is where the paths of --pairs begin; give that, too")
    if args.pose is not None and args.pairs is None:
        raise UserError("--pose makes maps of photos, and a data set has them; leave it out")
    split_flags.refuse(args)
    if args.photos is not None and not args.photos.is_dir():
        raise UserError(f"--photos={args.photos}: no such folder")
    locks.refuse(args.output)
    beam_flags.check(args, "painting in bulk")


def _model(args: argparse.Namespace) -> str:
    """A shipped model goes by its name, which means the same on every machine."""
    if args.model is None:
        print(f"with the shipped model {shipped.DEFAULT}; --model=RUN takes another", file=sys.stderr)
        return shipped.DEFAULT if beam_flags.elsewhere(args) else str(shipped.folder())
    return beam_flags.whole(str(args.model), args) if args.model.exists() else str(args.model)


@dataclasses.dataclass(frozen=True)
class _Found:
    """What is to be painted."""

    units: Sequence[bulk.Unit]
    names: Mapping[str, tuple[str, str]]
    """Source and target of each picture by its name."""
    given: Collection[pathlib.Path]
    """Files that are read."""
    facts: Callable[[], dict[str, Any]]
    """Loads the model, and tells this painting from another."""


def _of_table(args: argparse.Namespace, model: str, told: pathlib.Path) -> _Found:
    folder = pathlib.Path(beam_flags.whole(str(args.photos or args.pairs.parent), args))
    pairs = pair_files.read(args.pairs, folder)
    if args.limit is not None and args.limit < len(pairs):
        pairs = [pairs[k * len(pairs) // args.limit] for k in range(args.limit)]
    given = {path for pair in pairs for path in pair.files()} | {args.pairs, pathlib.Path(model)}
    given |= {pathlib.Path(args.pose)} if args.pose else set()
    pose = beam_flags.whole(args.pose, args) if args.pose and pathlib.Path(args.pose).exists() else args.pose
    units = bulk.of_files(pairs, told, told.parent, model, pose)

    def facts() -> dict[str, Any]:
        from dpt_tf.evaluation import digests

        provenance = bulk.transfer(model, pose)[0].provenance
        known = provenance.get("checkpoint")
        weights = digests.of_checkpoint(pathlib.Path(known)) if known else digests.of_network(provenance["saved_model"])
        return {"weights": weights, "photos": str(folder.resolve()), "pose": args.pose or "small"}

    return _Found(units, {pair.name: (pair.source, pair.target) for pair in pairs}, given, facts)


def _of_views(args: argparse.Namespace, model: str, told: pathlib.Path) -> _Found:
    quiet.start_tensorflow()
    from dpt_tf.data import fingerprint, read
    from dpt_tf.evaluation import digests, ready_pictures

    chosen = (beam_flags.whole(str(args.data_dir), args), args.split, args.limit, args.seed)
    pairs = read.list_eval_pairs(*chosen)
    _, hparams, of_model = bulk.generator(model)
    units = bulk.of_views(pairs, told, told.parent, model, hparams.batch_size, chosen)

    def facts() -> dict[str, Any]:
        weights = digests.of_checkpoint(pathlib.Path(of_model["checkpoint"]))
        return {"weights": weights, "data": fingerprint.of(chosen[0])["digest"]}

    return _Found(units, {ready_pictures.name_of(*pair): pair[1:] for pair in pairs}, {pathlib.Path(model)}, facts)


def _refuse_another(output: pathlib.Path, facts: dict[str, Any], pictures: Iterable[pathlib.Path]) -> None:
    """Pictures of another model or of other photos stay, and are not taken for this call's.

    Raises:
      UserError: such lie in `output`.
    """
    try:
        before = files.read_facts(output / _FACTS)
    except FileNotFoundError:
        before = None
    except ValueError as error:
        raise UserError(f"{output / _FACTS} is damaged ({error}); give another --output") from None
    if before is None:
        if there := next(filter(os.path.lexists, pictures), None):
            raise UserError(f"{there} is there and was not made by this command; give another --output")
        atomic.write_json(output / _FACTS, facts)
    elif differ := [f"{key} {before.get(key)}, not {facts.get(key)}" for key in facts if before.get(key) != facts[key]]:
        raise UserError(f"{output} holds pictures of another painting ({', '.join(differ)}); give another --output")


def _report(output: pathlib.Path, names: Mapping[str, tuple[str, str]], failed: dict[str, str]) -> int:
    """What failed, as a table; the code."""
    say(f"{output}: {len(names) - len(failed)} of {len(names)} pairs painted")
    path = output / _FAILURES
    if not failed:
        path.unlink(missing_ok=True)
        return 0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["picture", "source", "target", "reason"])
    writer.writerows([f"{name}.png", *names[name], failed[name]] for name in names if name in failed)
    atomic.write_text(path, text.getvalue())
    first = next(name for name in names if name in failed)
    say(f"{len(failed)} pairs failed, {first} the first ({failed[first]}); {path} says why of each", sys.stderr)
    return 1
