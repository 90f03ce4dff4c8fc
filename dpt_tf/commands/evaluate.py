"""`dpt evaluate`: a run, or ready pictures of any system, scored on a split under a named protocol.

Baselines stand in the same table. What is written: `report.json`, `report.md`, `pairs.csv` with every pair's scores,
`sheet.png` with the best, median and worst pairs, and an event file for TensorBoard. A call that was stopped goes on.
"""

import argparse
import dataclasses
import json
import pathlib

from dpt_tf import quiet
from dpt_tf.errors import UserError

_BATCH = 8


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=pathlib.Path, help="the run's folder")
    parser.add_argument(
        "--pictures", type=pathlib.Path, help="instead: a folder of generated pictures, SOURCE___TARGET.png"
    )
    parser.add_argument("--data_dir", type=pathlib.Path, help="a prepared data set")
    parser.add_argument("--dataset", help="instead of --data_dir: data/DATASET, for example deepfashion")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, help="at most so many pairs, spread over the people")
    parser.add_argument("--seed", type=int, default=0, help="draws the sources where the split has many")
    parser.add_argument("--protocol", default="dsc", help="dsc (the paper's), patn, all, or SSIM protocols joined by +")
    parser.add_argument("--inception", help="for IS and FID: a TF-Hub handle, a SavedModel, or keras (another network)")
    parser.add_argument("--detector", help="for the detection score: a TF-Hub handle or a SavedModel")
    parser.add_argument("--detector_classes", choices=("coco", "voc"), default="coco", help="what it was trained on")
    parser.add_argument("--lpips", help="for LPIPS: a SavedModel of two batches of pictures in [-1, 1]")
    parser.add_argument("--output", type=pathlib.Path, help="folder of the report; default WORKDIR/evaluation")
    parser.add_argument("--save_pictures", action="store_true", help="also write every result to OUTPUT/pictures")


def run(args: argparse.Namespace) -> int:
    """Scores, prints the table, writes the report."""
    if (args.workdir is None) == (args.pictures is None):
        raise UserError("dpt evaluate: give --workdir=RUN or --pictures=FOLDER, one of them")
    if (args.data_dir is None) == (args.dataset is None):
        raise UserError("dpt evaluate: give --data_dir=DIR or --dataset=NAME, one of them")
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit={args.limit}: give 1 or more")
    if args.pictures is not None and args.save_pictures:
        raise UserError("--save_pictures would copy the pictures that --pictures names; leave it out")
    quiet.start_tensorflow()
    from dpt_tf.evaluation.rulers import Networks

    evaluate(
        args.workdir,
        args.data_dir or pathlib.Path("data") / args.dataset,
        args.split,
        args.limit,
        args.seed,
        args.output,
        pictures_dir=args.pictures,
        protocol=args.protocol,
        networks=Networks(args.inception, args.detector, args.detector_classes, args.lpips),
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
    networks=None,
    save_pictures: bool = False,
) -> None:
    """Scores the run in `workdir`, or the pictures in `pictures_dir`, on pairs of a split of `data_dir`; reports."""
    quiet.start_tensorflow()
    from dpt_tf import config, data, pictures, records
    from dpt_tf.evaluation import given, rulers, scoring
    from dpt_tf.training import stages, summaries

    if workdir is not None:
        model, hparams, provenance = stages.load_generator(workdir)
        chosen = scoring.Split(data_dir, hparams, split, limit, seed)
        paint: scoring.Painter = scoring.ModelPainter(model)
        output = output or workdir / "evaluation"
    else:
        assert pictures_dir is not None
        size = records.open(data_dir).image_size
        hparams = config.preset("small").replace(image_size=size, batch_size=_BATCH)
        chosen = scoring.Split(data_dir, hparams, split, limit, seed)
        pairs = data.list_eval_pairs(data_dir, split, limit, seed)
        others = data.list_eval_pairs(data_dir, split, None, seed) if limit else ()
        paint = scoring.GivenPainter(given.find(pictures_dir, pairs, others), size)
        output = output or pictures_dir.with_name(f"{pictures_dir.name}-evaluation")
        provenance = {"pictures": str(pictures_dir)}
    make, labels = rulers.of(protocol, hparams.image_size, chosen.count(), networks or rulers.Networks())
    facts = {"weights": provenance, "data_dir": str(data_dir), "split": split, "limit": limit, "seed": seed}
    facts |= {"protocol": protocol, "networks": labels}
    report = scoring.score(paint, chosen, make, output, facts, output / "pictures" if save_pictures else None)
    main = next(name for name in report.higher_is_better if name.startswith("SSIM"))
    shown = scoring.cases(paint, chosen, output, main)
    sheet = scoring.sheet([case for cases in shown.values() for case in cases])
    pictures.save(output / "sheet.png", sheet)
    facts |= {"pairs": report.pairs, "scores": report.table, "left_out": report.left_out}
    facts["shown"] = {kind: [[case.name, case.score] for case in cases] for kind, cases in shown.items()}
    if workdir is not None:
        facts["hparams"] = dataclasses.asdict(hparams)
        _to_tensorboard(summaries.Writer(output), int(provenance["step"]), report.table["full"], sheet)
    title = f"{report.pairs} pairs of {data_dir}, split {split}, protocol {protocol}"
    notes = "L1 with white = 1, PSNR in dB; * best of the line; foreground: where the target's I > 0"
    text = f"{title}\n({notes})\n\n{report.markdown()}\n"
    text += "".join(f"{name}: {label}\n" for name, label in labels.items())
    (output / "report.json").write_text(json.dumps(facts, indent=2) + "\n")
    (output / "report.md").write_text(text)
    print(f"\n{text}")
    print(f"contact sheet: {output / 'sheet.png'} (best, median and worst by {main})")
    print(f"report:        {output / 'report.json'}, every pair's scores in {output / 'pairs.csv'}")


def _to_tensorboard(writer, step: int, scores: dict, sheet) -> None:
    writer.scalars(step, {f"evaluation/{name}": value for name, value in scores.items() if not isinstance(value, str)})
    writer.pictures(step, {"evaluation/best, median, worst": sheet[None]})
    writer.close()
