"""`dpt experiment`: a table of the paper, or what goes beyond it, every row trained and scored in the same way.

What is written: a run for each row and seed, `report.json`, `report.md`, `grid.png`. A call that was stopped goes on,
row by row; more rows or seeds can be asked for later.
"""

import argparse
import dataclasses
import pathlib

from dpt_tf import config
from dpt_tf.commands import folders, score_flags, training_data
from dpt_tf.config import HParams
from dpt_tf.experiments import tables
from dpt_tf.system import locks, quiet
from dpt_tf.system.errors import UserError, say
from dpt_tf.training import memory

DATASETS = ("synthetic", "folder", "deepfashion", "mvc")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument(
        "--table", type=_table, required=True, choices=tuple(tables.TABLES), help="of the paper, or what is beyond it"
    )
    parser.add_argument("--rows", default="", help="only these, by number from 1 or by name: 1,3 or mask,keypoints")
    parser.add_argument("--seeds", default="0", help="train every row once with each: 0,1,2")
    parser.add_argument("--dataset", choices=DATASETS, help="default: deepfashion in Table 1, mvc in 8, else synthetic")
    parser.add_argument("--data_dir", type=folders.named, help="the prepared data set; synthetic: where to keep it")
    parser.add_argument("--preset", default="paper", help="the hyper-parameters to begin with: paper or small")
    parser.add_argument("--hparams", default="", help="single hyper-parameters of all rows: key=value,key=value")
    parser.add_argument(
        "--workdir", type=folders.named, help="folder of the runs and the report; default runs/tableN, runs/beyond"
    )
    parser.add_argument("--beside", help="folders of other tables on the same data: equal rows are not trained again")
    parser.add_argument("--limit", type=int, help="score at most so many pairs, spread over the people")
    parser.add_argument("--vgg", default="imagenet", help="VGG19 of the losses: imagenet, random, or a weight file")
    score_flags.add(parser)


def run(args: argparse.Namespace) -> int:
    """Trains, scores, prints the report."""
    table = tables.TABLES[args.table]
    rows, seeds = table.choose(args.rows), _seeds(args.seeds)
    base = _hparams(table, args.preset, args.hparams)
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit={args.limit}: give 1 or more")
    dataset = args.dataset or table.dataset
    workdir = args.workdir or _usual_workdir(table)
    locks.refuse(workdir, read=args.data_dir)
    memory.refuse(base, base.stages())
    training_data.refuse_vgg(args.vgg)
    quiet.start_tensorflow()
    from dpt_tf.evaluation import score_set
    from dpt_tf.experiments import experiment, tabulate
    from dpt_tf.training import run as training

    # Before people are made for nothing.
    networks, folders = score_flags.networks(args), _beside(args.beside)
    score_set.refuse(args.protocol, base.image_size, networks, args.fid)
    for folder in folders:
        experiment.table_of(folder)
    data_dir = training_data.find(dataset, args.data_dir, base.image_size)
    training.start()
    plan = experiment.Plan(
        table=table,
        rows=rows,
        seeds=seeds,
        base=base,
        workdir=workdir,
        data_dir=data_dir,
        dataset=dataset,
        limit=args.limit,
        vgg_weights=args.vgg,
        protocol=args.protocol,
        fid=args.fid,
        networks=networks,
    )
    plan = dataclasses.replace(plan, beside=tuple(experiment.beside(plan, folder) for folder in folders))
    report = experiment.carry_out(plan)
    print(f"\n{tabulate.markdown(report)}")
    say(f"report:   {plan.workdir / 'report.json'} and report.md")
    say(f"pictures: {plan.workdir / 'grid.png'}" + (" and textures.png" if _textured(plan.workdir) else ""))
    return 0


def _usual_workdir(table: tables.Table) -> pathlib.Path:
    return pathlib.Path("runs") / (f"table{table.number}" if isinstance(table.number, int) else table.number)


def _beside(text: str | None) -> list[pathlib.Path]:
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise UserError(f"--beside={text}: a name is empty; give folders joined by commas, or leave it out")
    return [pathlib.Path(part) for part in parts]


def _table(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = ()
    if not seeds or min(seeds) < 0 or max(seeds) > config.LARGEST_SEED or len(set(seeds)) < len(seeds):
        raise UserError(
            f"--seeds={text}: give different whole numbers from 0, joined by commas: --seeds=0,1,2"
            + (f"; the largest is {config.LARGEST_SEED}" if seeds and max(seeds) > config.LARGEST_SEED else "")
        )
    return seeds


def _hparams(table: tables.Table, preset: str, text: str) -> HParams:
    """Those that all rows begin with."""
    base = config.override(config.preset(preset), text)
    keys = [part.partition("=")[0].strip() for part in text.split(",") if part.strip()]
    if "seed" in keys:
        raise UserError("--hparams=seed: give the seeds of the training by --seeds=0,1,2")
    table.check({key: getattr(base, key) for key in keys})
    return base


def _textured(workdir: pathlib.Path) -> bool:
    return (workdir / "textures.png").is_file()
