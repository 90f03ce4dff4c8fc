"""`dpt demo`: synthetic people are made, the networks trained on them, strangers painted and scored."""

import argparse
import pathlib
import time

from dpt_tf import config
from dpt_tf.system import quiet

PEOPLE, TEST_PEOPLE, VIEWS = 240, 24, 8
PAIRS = 240
EXAMPLES = "examples"
EXAMPLE_SIZE = 256  # pixels: photos to look at; the networks reduce them
STEPS = {"predictive_steps": 900, "inpainting_steps": 300, "joint_steps": 550}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=pathlib.Path, help="the run; default runs/demo, runs/demo-SEED but for 0")
    parser.add_argument("--data_dir", type=pathlib.Path, help="the people; default data/demo, data/demo-SEED but for 0")
    parser.add_argument("--seed", type=int, default=0, help="of the people and of the networks")


def run(args: argparse.Namespace) -> int:
    """Data, the three stages, the table and the sheet, files to try; goes on where an earlier call was stopped."""
    quiet.start_tensorflow()
    from dpt_tf import synthetic
    from dpt_tf.commands import evaluate
    from dpt_tf.synthetic import examples
    from dpt_tf.training import run as training

    name = f"demo-{args.seed}" if args.seed else "demo"
    data_dir, workdir = args.data_dir or pathlib.Path("data", name), args.workdir or pathlib.Path("runs", name)
    training.start()
    begun = time.monotonic()
    precision = "bfloat16" if computes_in_bfloat16() else "float32"
    hparams = config.preset("small").replace(seed=args.seed, mixed_precision=precision, **STEPS)
    if synthetic.is_missing(data_dir):
        print(f"{PEOPLE} people to train on and {TEST_PEOPLE} strangers, {VIEWS} views each -> {data_dir}")
        synthetic.generate(
            data_dir,
            people=PEOPLE,
            test_people=TEST_PEOPLE,
            views=VIEWS,
            image_size=hparams.image_size,
            seed=args.seed,
        )
    else:
        synthetic.refuse_others(data_dir, VIEWS, args.seed)
    training.train(workdir, data_dir, hparams, dataset="synthetic")
    evaluate.evaluate(workdir, data_dir, limit=PAIRS, output=workdir / "evaluation")
    examples.write(workdir / EXAMPLES, EXAMPLE_SIZE)
    print(f"photos, maps and poses to try: {workdir / EXAMPLES}")
    print(f"TensorBoard:   .venv/bin/tensorboard --logdir {workdir}")
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes, networks in {precision}")
    return 0


def computes_in_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere it would be slower than float32."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
