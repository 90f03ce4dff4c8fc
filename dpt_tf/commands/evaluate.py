"""`dpt evaluate`: scores of a run over a split, with the baselines beside it."""

import argparse
import dataclasses
import json
import pathlib

from dpt_tf import quiet


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=pathlib.Path, required=True, help="the run's folder")
    parser.add_argument("--data_dir", type=pathlib.Path, required=True, help="a prepared data set")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=None, help="at most so many pairs, spread over the people")
    parser.add_argument("--seed", type=int, default=0, help="draws the sources where the split has many")
    parser.add_argument("--output", type=pathlib.Path, help="folder of the report; default WORKDIR/evaluation")


def run(args: argparse.Namespace) -> int:
    """Scores, prints the table, writes `report.json`, `report.md` and `sheet.png`."""
    evaluate(args.workdir, args.data_dir, args.split, args.limit, args.seed, args.output)
    return 0


def evaluate(
    workdir: pathlib.Path,
    data_dir: pathlib.Path,
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
    output: pathlib.Path | None = None,
) -> None:
    """Scores the run in `workdir` on `limit` pairs of a split of `data_dir` and reports."""
    quiet.start_tensorflow()
    from dpt_tf import data, pictures
    from dpt_tf.evaluation import scoring
    from dpt_tf.training import stages

    model, hparams, provenance = stages.load_generator(workdir)
    pairs = data.count_eval_pairs(data_dir, split=split, limit=limit, seed=seed)
    report = scoring.score(model, data.eval_pairs(data_dir, hparams, split=split, limit=limit, seed=seed), pairs)
    output = output or workdir / "evaluation"
    pictures.save(output / "sheet.png", scoring.sheet(report.cases))
    facts = {"workdir": str(workdir), "data_dir": str(data_dir), "split": split, "pairs": report.pairs, "seed": seed}
    facts |= {"scores": report.table, "weights": provenance, "hparams": dataclasses.asdict(hparams)}
    (output / "report.json").write_text(json.dumps(facts, indent=2) + "\n")
    (output / "report.md").write_text(f"{report.pairs} pairs of `{data_dir}`, split {split}\n\n{report.markdown()}\n")
    print(f"\n{report.pairs} pairs of {data_dir}, split {split} (L1 with white = 1, PSNR in dB; * best)\n")
    print(report.markdown())
    print(f"\ncontact sheet: {output / 'sheet.png'}\nreport:        {output / 'report.json'}")
