"""`dpt evaluate`: a run, or ready pictures of any system, scored on a split under a named protocol; or maps.

Baselines stand in the same table. What is written: `report.json`, `report.md`, `pairs.csv` with every pair's scores,
`sheet.png` with the best, median and worst pairs, and an event file for TensorBoard. A call that was stopped goes on.
"""

import argparse
import dataclasses
import math
import pathlib
import sys
from typing import Any

from dpt_tf import config
from dpt_tf.commands import folders, map_flags, score_flags, split_flags
from dpt_tf.system import atomic, locks, quiet
from dpt_tf.system.errors import UserError, say

_BATCH = 8
_FEW = 10  # pairs; of fewer one lucky one moves the mean, as `dpt prepare` says, too


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=folders.named, help="the run's folder, or a shipped model")
    parser.add_argument(
        "--pictures", type=folders.named, help="instead: a folder of generated pictures, SOURCE___TARGET.png"
    )
    parser.add_argument("--data_dir", type=folders.named, help="a prepared data set")
    parser.add_argument("--dataset", help="instead of --data_dir: data/DATASET, for example deepfashion")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, help="at most so many pairs, spread over the people")
    parser.add_argument("--seed", type=int, default=0, help="draws the sources where the split has many")
    score_flags.add(parser)
    parser.add_argument(
        "--output",
        type=folders.named,
        help="folder of the report; default WORKDIR/evaluation (of a shipped model runs/NAME/evaluation), with what is "
        "unusual behind it",
    )
    parser.add_argument("--save_pictures", action="store_true", help="also write every result to OUTPUT/pictures")
    map_flags.add(parser)


def run(args: argparse.Namespace) -> int:
    """Scores, prints the table, writes the report."""
    if map_flags.wanted(args):
        return map_flags.run(args)
    if (args.workdir is None) == (args.pictures is None):
        raise UserError("dpt evaluate: give --workdir=RUN or --pictures=FOLDER, one of them")
    if (args.data_dir is None) == (args.dataset is None):
        raise UserError("dpt evaluate: give --data_dir=DIR or --dataset=NAME, one of them")
    split_flags.refuse(args)
    if args.pictures and args.output and args.output.resolve().is_relative_to(args.pictures.resolve()):
        raise UserError(
            f"--output={args.output} is in the folder of pictures, and sheets are no results; put it elsewhere"
        )
    if args.pictures is not None and args.save_pictures:
        raise UserError("--save_pictures would copy the pictures that --pictures names; leave it out")
    locks.refuse(args.output)
    quiet.start_tensorflow()
    evaluate(
        args.workdir,
        args.data_dir or pathlib.Path("data") / args.dataset,
        args.split,
        args.limit,
        args.seed,
        args.output,
        pictures_dir=args.pictures,
        protocol=args.protocol,
        fid=args.fid,
        networks=score_flags.networks(args),
        save_pictures=args.save_pictures,
    )
    return 0


def evaluate(
    workdir: pathlib.Path | None,
    data_dir: pathlib.Path,
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
    output: pathlib.Path | None = None,
    pictures_dir: pathlib.Path | None = None,
    protocol: str = "dsc",
    fid: str = "test",
    networks=None,
    save_pictures: bool = False,
    larger: pathlib.Path | None = None,
) -> None:
    """Scores the run in `workdir`, or the pictures in `pictures_dir`, on pairs of a split of `data_dir`; reports.

    With a data set of the same people in a larger size, `larger`, the shipped model stands beside the run.
    """
    quiet.start_tensorflow()
    from dpt_tf import shipped
    from dpt_tf.data import fingerprint, read, records
    from dpt_tf.evaluation import digests, places, ready_pictures, real_set, score_set, scoring, side_by_side
    from dpt_tf.training import trained

    networks = networks or score_set.Networks()
    # Before a network is loaded, let alone run.
    size = records.open_prepared(data_dir).image_size
    score_set.refuse(protocol, size, networks, fid)
    read.count_eval_pairs(data_dir, split, limit, seed)
    facts: dict[str, Any] = {"data_dir": str(data_dir), "split": split, "limit": limit, "seed": seed}
    # What goes into a scoring beside its names, so that one that was stopped goes on with nothing else.
    digested = networks.digests()
    if workdir is not None:
        model, hparams, weights = trained.load_generator(workdir)
        chosen = scoring.Split(data_dir, hparams, split, limit, seed)
        paint: scoring.Painter = scoring.ModelPainter(model)
        if larger is not None:
            paint = side_by_side.ShippedBeside(model, chosen, larger)
            digested["shipped"] = digests.of_files([shipped.folder() / shipped.WEIGHTS])
            digested["larger"] = fingerprint.of(larger)["digest"]
        digested["weights"] = digests.of_checkpoint(pathlib.Path(weights["checkpoint"]))
        base, own = places.of_model(workdir), weights.get("data", {}).get("digest")
    else:
        assert pictures_dir is not None
        hparams = config.preset("small").replace(image_size=size, batch_size=_BATCH)
        chosen = scoring.Split(data_dir, hparams, split, limit, seed)
        pairs = read.list_eval_pairs(data_dir, split, limit, seed)
        others = read.list_eval_pairs(data_dir, split, None, seed) if limit else ()
        files = ready_pictures.find(pictures_dir, pairs, others)
        paint = scoring.ReadyPictures(files, size)
        weights = {"pictures": str(pictures_dir)}
        digested["pictures"] = digests.of_pictures(files)
        base, own = (output or places.beside(pictures_dir)), None
    digested["data"] = fingerprint.of(data_dir)["digest"]
    facts |= {"weights": weights, "digests": digested, "protocol": protocol, "fid": fid}
    output = output or places.usual(base, facts, own)
    real = real_set.RealSet(data_dir, hparams.image_size, output)
    make, labels = score_set.of(protocol, hparams.image_size, chosen.count(), networks, fid, real)
    facts["networks"] = labels
    facts |= {"detector_classes": networks.trained_on, "saved_pictures": save_pictures}
    with locks.claimed(output):
        places.refuse_another(output, facts)
        report = scoring.score(paint, chosen, make, output, facts, output / "pictures" if save_pictures else None)
        for scores in report.table.values():
            scores |= score_set.impossible(protocol, hparams.image_size)
        if workdir is not None:
            facts["hparams"] = dataclasses.asdict(hparams)
        _write(report, facts, scoring.cases(paint, chosen, output, _main(report)), output)


def _main(report) -> str:
    """The score that says which pairs are the best."""
    return next(name for name in report.higher_is_better if name.startswith("SSIM"))


def _write(report, facts: dict[str, Any], shown: dict[str, list], output: pathlib.Path) -> None:
    """Everything but `pairs.csv`, which is there already; each file whole or not at all."""
    from dpt_tf.evaluation import scoring
    from dpt_tf.evaluation.report import to_tensorboard
    from dpt_tf.images import display

    sheet = scoring.sheet([case for cases in shown.values() for case in cases])
    display.save(output / "sheet.png", sheet)
    if "step" in facts["weights"]:
        to_tensorboard(output, int(facts["weights"]["step"]), report.table["full"], "best, median, worst", sheet)
    title = f"{report.pairs} pairs of {facts['data_dir']}, split {facts['split']}, protocol {facts['protocol']}"
    notes = "L1 with white = 1, PSNR in dB; * best of the line; foreground: where the target's I > 0"
    text = f"{title}\n({notes})\n\n{report.markdown()}\n"
    text += "".join(f"{name}: {label}\n" for name, label in facts["networks"].items())
    facts |= {"pairs": report.pairs, "scores": _for_json(report.table), "left_out": report.left_out}
    few = ""
    if report.pairs < _FEW:
        many = f"{report.pairs} pairs" if report.pairs > 1 else "1 pair"
        few = f"{many}: scores of fewer than {_FEW} mean little; hold out more (dpt prepare --hold_out=), or add photos"
        text += f"\n{few}\n"
    facts["shown"] = {kind: [[case.name, case.score] for case in cases] for kind, cases in shown.items()}
    atomic.write_text(output / "report.md", text)
    atomic.write_json(output / "report.json", facts)
    print(f"\n{text}")
    if few:
        print(few, file=sys.stderr)
    say(f"contact sheet: {output / 'sheet.png'} (best, median and worst by {_main(report)})")
    say(f"report:        {output / 'report.json'}, every pair's scores in {output / 'pairs.csv'}")


def _for_json(table: dict[str, dict[str, float | str]]) -> dict[str, dict[str, float | str]]:
    """JSON has no infinity, which is the PSNR of equal pictures."""
    return {
        row: {
            name: value if isinstance(value, str) or math.isfinite(value) else "infinite" for name, value in of.items()
        }
        for row, of in table.items()
    }
