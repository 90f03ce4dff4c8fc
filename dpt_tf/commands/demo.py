"""`dpt demo`: synthetic people are made, the networks trained on them, strangers painted and scored."""

import argparse
import dataclasses
import pathlib
import sys
import time

from dpt_tf import config
from dpt_tf.commands import training_data
from dpt_tf.system import quiet

EXAMPLES = "examples"
EXAMPLE_SIZE = 256  # pixels: photos to look at; the networks reduce them


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything."""

    people: int = 240
    test_people: int = 24
    views: int = 8  # of each
    pairs: int = 240  # scored
    predictive_steps: int = 900
    inpainting_steps: int = 300
    joint_steps: int = 550

    def steps(self) -> dict[str, int]:
        """The hyper-parameters that say how long each stage lasts."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name.endswith("_steps")}


FULL = Scale()
QUICK = Scale(people=4, test_people=2, views=3, pairs=4, predictive_steps=2, inpainting_steps=2, joint_steps=2)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=pathlib.Path, help="the run; default runs/demo[-quick][-SEED]")
    parser.add_argument("--data_dir", type=pathlib.Path, help="the people; default data/demo[-quick][-SEED]")
    parser.add_argument("--seed", type=int, default=0, help="of the people and of the networks")
    parser.add_argument(
        "--quick", action="store_true", help="a few people and steps, to see that all works; its pictures mean nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Data, the three stages, the table and the sheet, files to try; goes on where an earlier call was stopped."""
    training_data.check_synthetic()
    scale, name = (QUICK, "demo-quick") if args.quick else (FULL, "demo")
    name += f"-{args.seed}" if args.seed else ""
    workdir, data_dir = args.workdir or pathlib.Path("runs", name), args.data_dir or pathlib.Path("data", name)
    quiet.start_tensorflow()
    from dpt_tf import synthetic
    from dpt_tf.commands import evaluate
    from dpt_tf.synthetic import examples
    from dpt_tf.training import run as training

    training.start()
    begun = time.monotonic()
    precision = "bfloat16" if computes_in_bfloat16() else "float32"
    hparams = config.preset("small").replace(seed=args.seed, mixed_precision=precision, **scale.steps())
    if synthetic.is_missing(data_dir):
        made = f"{scale.people} people to train on and {scale.test_people} strangers, {scale.views} views each"
        print(f"{made} -> {data_dir}")
        synthetic.generate(
            data_dir,
            people=scale.people,
            test_people=scale.test_people,
            views=scale.views,
            image_size=hparams.image_size,
            seed=args.seed,
            backdrops=training_data.BACKDROPS,
        )
    else:
        synthetic.refuse_others(data_dir, scale.views, args.seed, backdrops=training_data.BACKDROPS)
    training.train(workdir, data_dir, hparams, dataset="synthetic")
    evaluate.evaluate(workdir, data_dir, limit=scale.pairs, output=workdir / "evaluation")
    examples.write(workdir / EXAMPLES, EXAMPLE_SIZE)
    print(f"photos, maps and poses to try: {workdir / EXAMPLES}")
    print(f"TensorBoard:   {sys.executable} -m tensorboard.main --logdir {workdir}")
    if args.quick:
        print("--quick trains next to nothing: its pictures and scores mean nothing")
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes, networks in {precision}")
    return 0


def computes_in_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere it would be slower than float32."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
