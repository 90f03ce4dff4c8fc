"""The flags of `dpt evaluate --maps`, and what they do: maps against true maps, or against DensePose-COCO's points."""

import argparse
import pathlib
import sys

from dpt_tf.commands import folders
from dpt_tf.images import naming
from dpt_tf.system import locks
from dpt_tf.system.errors import UserError, say

_FLAGS = ("true_maps", "photos", "densepose_coco", "smpl")


def add(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    group = parser.add_argument_group("maps of any system, instead of pictures")
    group.add_argument("--maps", type=folders.named, help="a folder of predicted maps, in any form that is read")
    group.add_argument("--true_maps", type=folders.named, help="the folder of true ones, matched by name")
    group.add_argument("--photos", type=folders.named, help="with --true_maps: the folder of photos, for a sheet")
    group.add_argument("--densepose_coco", type=folders.named, help="instead: DensePose-COCO's annotations.json")
    group.add_argument(
        "--smpl",
        type=folders.named,
        help="with it: the folder of SMPL_subdiv.mat, SMPL_SUBDIV_TRANSFORM.mat and Pdist_matrix.pkl",
    )


def wanted(args: argparse.Namespace) -> bool:
    """Whether maps are to be scored.

    Raises:
      UserError: flags of it without `--maps`.
    """
    given = [flag for flag in _FLAGS if getattr(args, flag) is not None]
    if args.maps is None and given:
        raise UserError(f"dpt evaluate: --{given[0]} goes with --maps=FOLDER; give both, or neither")
    return args.maps is not None


def run(args: argparse.Namespace) -> int:
    """Scores, prints the table, writes the report."""
    others = [
        flag for flag in ("workdir", "pictures", "data_dir", "dataset", "limit") if getattr(args, flag) is not None
    ]
    if others:
        raise UserError(f"dpt evaluate --maps: --{others[0]} is for pictures; leave one of them out")
    if (args.true_maps is None) == (args.densepose_coco is None):
        raise UserError("dpt evaluate --maps: give --true_maps=FOLDER or --densepose_coco=ANNOTATIONS, one of them")
    if (args.smpl is None) != (args.densepose_coco is None):
        raise UserError("dpt evaluate --maps: --densepose_coco=ANNOTATIONS and --smpl=FOLDER go together; give both")
    if args.photos is not None and args.true_maps is None:
        raise UserError("dpt evaluate --maps: --photos goes with --true_maps")
    root = args.maps.resolve()
    output = args.output or args.maps.with_name(f"{root.name or 'maps'}-evaluation")
    inputs = {"maps": args.maps, "true_maps": args.true_maps, "photos": args.photos}
    for flag, folder in inputs.items():
        if folder is not None and output.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"--output={output} is in --{flag}={folder}, and sheets are no maps; put it elsewhere")
    reports = [output / name for name in ("report.json", "report.md", "sheet.png")]
    given = [args.densepose_coco] if args.densepose_coco else []
    if line := naming.refused(reports, given, what="the report", forms=(".json", ".md", ".png")):
        raise UserError(line)
    facts = {name: str(getattr(args, name)) for name in ("maps", *_FLAGS) if getattr(args, name) is not None}
    text = _against_maps(args, output, facts) if args.true_maps else _against_points(args, output, facts)
    print(f"\n{text}")
    say(f"report: {output / 'report.json'}, scores of each one in the .csv beside it")
    return 0


def _against_maps(args: argparse.Namespace, output: pathlib.Path, facts: dict) -> str:
    from dpt_tf.evaluation import map_files, maps
    from dpt_tf.images import display

    matched = map_files.pairs(args.maps, args.true_maps, args.photos)
    report = maps.score(matched, _bar)
    with locks.claimed(output):
        if args.photos is not None:
            sheet, facts["shown"] = maps.sheet(report, matched)
            display.save(output / "sheet.png", sheet)
        return maps.write(report, output, facts)


def _against_points(args: argparse.Namespace, output: pathlib.Path, facts: dict) -> str:
    from dpt_tf.evaluation import densepose_coco
    from dpt_tf.metrics import geodesics

    surface = geodesics.read(args.smpl)
    annotations = densepose_coco.read(args.densepose_coco)
    report = densepose_coco.score(args.maps, annotations, surface, _bar)
    with locks.claimed(output):
        return densepose_coco.write(report, output, facts)


def _bar(names):
    from tqdm import tqdm

    return tqdm(names, unit="map", desc="scoring", leave=False, file=sys.stderr)
