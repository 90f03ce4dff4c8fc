"""`dpt build`: DeepFashion or MVC -> a prepared data set, with the builders of `datasets/`.

`tfds build` does the same with TFDS's own flags; this verb adds `--strict`, `--size`, `--seed`, `--workers` and
`--runner`.
"""

import argparse
import contextlib
import dataclasses
import functools
import io
import pathlib
import shutil
import sys

from dpt_tf import config
from dpt_tf.commands import beam_flags
from dpt_tf.system import atomic, locks, quiet
from dpt_tf.system.errors import UserError, say

_MOST_ITEMS = 2**31 - 1


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("builder", type=pathlib.Path, help="datasets/deepfashion_pairs or datasets/mvc_pairs")
    parser.add_argument("--manual_dir", required=True, help="the folder of pictures, maps and lists")
    parser.add_argument("--data_dir", required=True, help="where to write; later train.py's --data_dir")
    parser.add_argument("--config", help="deepfashion_pairs: dsc (default), patn or all; mvc_pairs: all")
    parser.add_argument("--size", type=int, default=256, help="pixels of the stored pictures (256)")
    parser.add_argument("--seed", type=int, default=0, help="draws the test items where no list names them (0)")
    parser.add_argument("--strict", action="store_true", help="stop, and write nothing, if anything has to be left out")
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier build wrote")
    parser.add_argument("--max_items", type=int, help="only so many items of each split, for a try")
    beam_flags.add(parser)


@quiet.errors_only()  # without Beam's greetings
def run(args: argparse.Namespace) -> int:
    """Builds, prints the report."""
    _check(args)
    args.manual_dir, args.data_dir = (beam_flags.whole(path, args) for path in (args.manual_dir, args.data_dir))
    options = beam_flags.options(args)
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    final = _reached(args)
    if final.is_prepared() and not args.overwrite:
        raise UserError(f"{final.data_dir}: built already; --overwrite builds it anew")
    mode = tfds.download.GenerateMode
    config = tfds.download.DownloadConfig(
        manual_dir=args.manual_dir,
        download_mode=mode.REUSE_CACHE_IF_EXISTS if args.overwrite else mode.REUSE_DATASET_IF_EXISTS,
        max_examples_per_split=args.max_items,
        beam_options=options,
    )
    atomic.keep(pathlib.Path(final.data_dir), [args.manual_dir])
    if "://" in args.data_dir:
        _prepare(final, config)
    else:
        _prepare_aside(args, config, pathlib.Path(final.data_dir))
    say(f"written: {final.data_dir}")
    return 0


def _prepare_aside(args: argparse.Namespace, config, final: pathlib.Path) -> None:
    """Builds in a hidden folder and puts the whole in its place, so that a build that stops leaves what was there."""
    root, kind = pathlib.Path(args.data_dir), f"{args.builder.resolve().name}.partial"
    was_there = root.exists()
    root.mkdir(parents=True, exist_ok=True)
    atomic.clear(root, kind)
    aside = atomic.named(root, kind)
    try:
        builder = _builder(args, str(aside))
        _prepare(builder, config)
        atomic.replace(pathlib.Path(builder.data_dir), final)
        # Where TFDS notes which config is meant by the data set's bare name.
        shutil.copytree(aside / builder.name / ".config", root / builder.name / ".config", dirs_exist_ok=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if not was_there:
            with contextlib.suppress(OSError):  # the data set is in it, or the report of why there is none
                root.rmdir()


def _prepare(builder, config) -> None:
    """Without what TFDS itself prints; the builder's report is printed."""
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=config)


def _check(args: argparse.Namespace) -> None:
    if not args.builder.is_dir() or not _module(args.builder).is_file():
        raise UserError(
            f"{args.builder}: no builder; give datasets/deepfashion_pairs or datasets/mvc_pairs of the source tree"
        )
    if "://" in args.manual_dir:
        raise UserError(f"{args.manual_dir}: pictures are read as files; mount it and give --manual_dir the folder")
    for flag, folder in (("manual_dir", args.manual_dir), ("data_dir", args.data_dir)):
        if not folder.strip():
            raise UserError(f"--{flag} is empty; name a folder")
    if not pathlib.Path(args.manual_dir).is_dir():
        raise UserError(f"{args.manual_dir}: no such folder; give --manual_dir the folder of the pictures")
    if not any(pathlib.Path(args.manual_dir).iterdir()):
        raise UserError(f"{args.manual_dir} is empty; docs/data.md says which pictures, maps and lists belong there")
    if "://" not in args.data_dir:
        locks.refuse(pathlib.Path(args.data_dir))
    if args.size < 16 or args.size > 4096:
        raise UserError(f"--size={args.size}: give 16 to 4096 pixels")
    if not 0 <= args.seed <= config.LARGEST_SEED:
        raise UserError(f"--seed={args.seed}: give a whole number from 0 to {config.LARGEST_SEED}")
    if args.max_items is not None and not 1 <= args.max_items <= _MOST_ITEMS:
        raise UserError(f"--max_items={args.max_items}: give 1 or more, {_MOST_ITEMS} at most")
    beam_flags.check(args, "building a collection")


def _module(folder: pathlib.Path) -> pathlib.Path:
    return folder / f"{folder.resolve().name}_dataset_builder.py"


def _reached(args: argparse.Namespace):
    """The builder, once its place answers, which may be a bucket.

    Raises:
      UserError: it does not.
    """
    import tensorflow as tf

    try:
        return _builder(args, args.data_dir)
    except tf.errors.OpError as error:
        raise UserError(f"{args.data_dir} cannot be reached ({error.message.splitlines()[0]})") from None


def _builder(args: argparse.Namespace, data_dir: str):
    """The builder, with a config of its own name where the size, the seed or the number of items is not the usual."""
    import tensorflow_datasets as tfds

    folder = args.builder.resolve()
    sys.path.insert(0, str(folder.parent))
    try:
        cls = tfds.core.community.builder_cls_from_module(f"{folder.name}.{_module(folder).stem}")
    finally:
        sys.path.remove(str(folder.parent))
    config = cls.builder_configs.get(args.config or cls.BUILDER_CONFIGS[0].name)
    if config is None:
        raise UserError(f"{args.builder} has no config {args.config}; have {', '.join(cls.builder_configs)}")
    name = config.name
    if args.size != config.image_size:
        name += f"-{args.size}"
    if args.seed != config.seed:
        name += f"-seed{args.seed}"
    if args.max_items is not None:
        name += f"-first{args.max_items}"
    if name != config.name:
        config = dataclasses.replace(config, name=name, image_size=args.size, seed=args.seed)
    say = functools.partial(print, file=sys.stdout, flush=True)
    return cls(data_dir=data_dir, config=config, strict=args.strict, reports=args.data_dir, say=say)
