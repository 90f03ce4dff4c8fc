"""`dpt demo`: synthetic people are made, the networks trained on them, strangers painted and scored.

Beside the run stands the shipped model, which gets the strangers as photos to look at. There are two tables: strangers
in the studio, like those that the run has trained on, and strangers before backdrops of every kind, which only the
shipped model has.
"""

import argparse
import dataclasses
import pathlib
import sys
import time

from dpt_tf import config
from dpt_tf.commands import folders, training_data
from dpt_tf.system import locks, processor, quiet
from dpt_tf.system.errors import UserError, say

EXAMPLES = "examples"
PHOTO_SIZE = 256  # pixels: photos to look at; the networks reduce them


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything."""

    people: int = 240
    test_people: int = 24
    views: int = 8  # of each
    pairs: int = 240  # scored
    elsewhere_people: int = 2  # strangers before every backdrop
    elsewhere_pairs: int = 16
    predictive_steps: int = 300
    inpainting_steps: int = 200
    joint_steps: int = 1250

    def steps(self) -> dict[str, int]:
        """The hyper-parameters that say how long each stage lasts."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name.endswith("_steps")}


FULL = Scale()
QUICK = Scale(
    people=4,
    test_people=2,
    views=3,
    pairs=4,
    elsewhere_people=1,
    elsewhere_pairs=2,
    predictive_steps=2,
    inpainting_steps=2,
    joint_steps=2,
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=folders.named, help="the run; default runs/demo[-quick][-SEED]")
    parser.add_argument("--data_dir", type=folders.named, help="the people; default data/demo[-quick][-SEED]")
    parser.add_argument("--seed", type=int, default=0, help="of the people and of the networks")
    parser.add_argument(
        "--quick", action="store_true", help="a few people and steps, to see that all works; its pictures mean nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Data, the three stages, the table and the sheet, files to try; goes on where an earlier call was stopped."""
    training_data.check_synthetic()
    if not 0 <= args.seed <= config.LARGEST_SEED:
        raise UserError(f"--seed={args.seed}: give a whole number from 0 to {config.LARGEST_SEED}")
    scale, name = (QUICK, "demo-quick") if args.quick else (FULL, "demo")
    name += f"-{args.seed}" if args.seed else ""
    workdir, data_dir = args.workdir or pathlib.Path("runs", name), args.data_dir or pathlib.Path("data", name)
    locks.refuse(workdir, read=data_dir)  # before people are made for nothing
    quiet.start_tensorflow()
    from dpt_tf.commands import evaluate
    from dpt_tf.synthetic import examples
    from dpt_tf.training import run as training

    training.start()
    begun = time.monotonic()
    precision = "bfloat16" if processor.computes_in_bfloat16() else "float32"
    # Minutes are too short for every backdrop: the run knows the studio, where its strangers stand.
    hparams = config.preset("small").replace(seed=args.seed, mixed_precision=precision, augment=0, **scale.steps())
    training.refuse_another(workdir, hparams)  # likewise
    made = f"{scale.people} people to train on and {scale.test_people} strangers, {scale.views} views each"
    _make(data_dir, made, scale.people, scale.test_people, scale.views, hparams.image_size, args.seed)
    training.train(workdir, data_dir, hparams, dataset="synthetic")
    larger = data_dir.with_name(f"{data_dir.name}-{PHOTO_SIZE}")
    _make(larger, "the strangers once more, as photos", 1, scale.test_people, scale.views, PHOTO_SIZE, args.seed)
    elsewhere = [data_dir.with_name(f"{data_dir.name}-elsewhere{size}") for size in ("", f"-{PHOTO_SIZE}")]
    for folder, size in zip(elsewhere, (hparams.image_size, PHOTO_SIZE), strict=True):
        made = f"{scale.elsewhere_people} strangers before every backdrop, {size} pixels"
        _make(folder, made, 1, scale.elsewhere_people, scale.views, size, args.seed, training_data.BACKDROPS)
    print("\nstrangers before every backdrop:")
    output = workdir / "evaluation-elsewhere"
    evaluate.evaluate(workdir, elsewhere[0], limit=scale.elsewhere_pairs, output=output, larger=elsewhere[1])
    print("\nstrangers in the studio:")
    evaluate.evaluate(workdir, data_dir, limit=scale.pairs, output=workdir / "evaluation", larger=larger)
    examples.write(workdir / EXAMPLES, PHOTO_SIZE)
    say(f"photos, maps and poses to try: {workdir / EXAMPLES}")
    say(f"TensorBoard:   {sys.executable} -m tensorboard.main --logdir {workdir}")
    if args.quick:
        print("--quick trains next to nothing: its pictures and scores mean nothing")
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes, networks in {precision}")
    return 0


def _make(
    data_dir: pathlib.Path,
    told: str,
    people: int,
    test_people: int,
    views: int,
    image_size: int,
    seed: int,
    test_backdrops: str | None = None,
) -> None:
    """Makes people where there are none.

    Raises:
      UserError: there are others.
    """
    from dpt_tf import synthetic

    backdrops = "studio"
    if synthetic.is_missing(data_dir):
        say(f"{told} -> {data_dir}")
        synthetic.generate(
            data_dir,
            people=people,
            test_people=test_people,
            views=views,
            image_size=image_size,
            seed=seed,
            backdrops=backdrops,
            test_backdrops=test_backdrops,
        )
    else:
        synthetic.refuse_others(data_dir, views, seed, backdrops=backdrops, test_backdrops=test_backdrops)
