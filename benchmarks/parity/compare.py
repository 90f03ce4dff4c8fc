"""Whether this project computes what tensorflow-addons computed; exits with 1 if not.

usage: python compare.py FILE.npz      (written by reference.py; `make parity` runs both)
"""

import sys

import numpy as np
import tensorflow as tf

from dpt_tf.layers import InstanceNorm
from dpt_tf.ops import atlas

# Of the largest value of the reference: float32 sums in another order differ by this much and no more.
TOLERANCE = 1e-5


def norm(x, gamma, beta):
    """Instance norm with these weights."""
    layer = InstanceNorm()
    layer.build(x.shape)
    return layer.stateless_call([gamma, beta], [], x)[0]


FUNCTIONS = {"instance_norm": norm, "sample": atlas.lookup}


def compare(name, reference):
    """Yields (what, largest difference relative to the largest value of the reference)."""
    prefix = f"{name}/input/"
    inputs = {key.removeprefix(prefix): tf.constant(reference[key]) for key in reference if key.startswith(prefix)}
    prefix = f"{name}/gradient/"
    wanted = [key.removeprefix(prefix) for key in reference if key.startswith(prefix)]
    with tf.GradientTape() as tape:
        tape.watch([inputs[key] for key in wanted])
        output = FUNCTIONS[name](**inputs)
    gradients = tape.gradient(output, [inputs[key] for key in wanted], tf.constant(reference[f"{name}/upstream"]))
    results = {"output": output} | {f"gradient/{key}": g for key, g in zip(wanted, gradients, strict=True)}
    for what, ours in results.items():
        theirs = reference[f"{name}/{what}"]
        yield what, float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def main(path):
    """Prints a line a quantity."""
    with np.load(path) as file:
        reference = dict(file)
    all_same = True
    for name in FUNCTIONS:
        for what, difference in compare(name, reference):
            same = difference <= TOLERANCE  # not so for NaN
            all_same &= same
            print(f"{name:<16}{what:<20}{difference:10.1e}  {'same' if same else 'DIFFERENT'}")
    if not all_same:
        raise SystemExit(f"this project and tensorflow-addons differ by more than {TOLERANCE:.0e}")


if __name__ == "__main__":
    main(sys.argv[1])
