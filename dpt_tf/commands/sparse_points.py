"""The flags of `dpt prepare --dataset=densepose_coco`, and what they do: annotated points -> a data set of people."""

import argparse
from collections.abc import Iterator

from dpt_tf.commands import folders
from dpt_tf.system import atomic, quiet
from dpt_tf.system.errors import UserError, say

_DATASET = "densepose_coco"
_FLAGS = ("annotations", "test_annotations", "pictures", "data_dir")


def add(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    group = parser.add_argument_group("people with annotated points (DensePose-COCO), instead of a folder and --output")
    group.add_argument("--dataset", choices=[_DATASET])
    group.add_argument("--annotations", type=folders.named, help="densepose_coco_2014_train.json, to train on")
    group.add_argument("--test_annotations", type=folders.named, help="a second file, for the split test")
    group.add_argument("--pictures", type=folders.named, help="COCO's photos, in this folder or below")
    group.add_argument("--data_dir", type=folders.named, help="where to write")


def wanted(args: argparse.Namespace) -> bool:
    """Whether this is what is to be done.

    Raises:
      UserError: flags of it without `--dataset`.
    """
    given = [flag for flag in _FLAGS if getattr(args, flag) is not None]
    if args.dataset is None and given:
        raise UserError(f"dpt prepare: --{given[0]} goes with --dataset={_DATASET}; give both, or neither")
    return args.dataset is not None


def run(args: argparse.Namespace) -> int:
    """Reads, writes, reports."""
    missing = [f"--{flag}" for flag in _FLAGS if flag != "test_annotations" and getattr(args, flag) is None]
    if missing:
        raise UserError(f"dpt prepare --dataset={_DATASET}: {', '.join(missing)} missing")
    if args.folder is not None or args.output is not None:
        raise UserError(f"dpt prepare --dataset={_DATASET}: takes --pictures and --data_dir, no folder and no --output")
    if args.size < 16 or args.size > 4096:
        raise UserError(f"--size={args.size}: give 16 to 4096 pixels")
    from dpt_tf.data import records
    from dpt_tf.data.prepare import densepose_coco

    given = [args.annotations, args.test_annotations, args.pictures]
    atomic.keep(args.data_dir / _DATASET / records.VERSION, given)
    files = {"train": args.annotations} | ({"test": args.test_annotations} if args.test_annotations else {})
    read = {split: densepose_coco.read(file) for split, file in files.items()}
    for split, file in files.items():
        if not any(person.complete for person in read[split].people):
            raise UserError(
                f"{file}: nobody in it has points and masks (dp_x, dp_y, ..., dp_masks); give the annotations of "
                "DensePose-COCO"
            )
        densepose_coco.check(read[split], args.pictures)
    quiet.start_tensorflow()
    from dpt_tf.data import sparse_records

    written = sparse_records.write(
        args.data_dir,
        {split: _shown(densepose_coco.examples(of, args.pictures, args.size), of) for split, of in read.items()},
        args.size,
        "People of DensePose-COCO with annotated points",
    )
    say(f"{written.directory}: {written.image_size} pixels")
    for split in sorted(written.files, reverse=True):
        alone = sum(not person.complete for person in read[split].people)
        print(
            f"  {split:5}  {written.people[split]} people, {written.points[split]} points; "
            f"{alone} people without points or masks left out"
        )
    return 0


def _shown(examples: Iterator, of) -> Iterator:
    """With a bar."""
    from tqdm import tqdm

    total = sum(person.complete for person in of.people)
    return iter(tqdm(examples, total=total, unit="person", desc="cropping", leave=False))
