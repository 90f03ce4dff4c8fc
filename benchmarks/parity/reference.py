"""What tensorflow-addons makes of random inputs: instance norm, bilinear resampling, and their gradients.

usage: python reference.py FILE.npz

Runs in an environment of its own (`make parity`), where TensorFlow 2.15 and tensorflow-addons 0.23 live. FILE gets
every input, the upstream gradient, the output and the gradients; `compare.py` computes the same with this project.
"""

import sys

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

BATCH, PARTS, RESOLUTION, HEIGHT, WIDTH, CHANNELS = 2, 24, 32, 40, 30, 3


def norm(x, gamma, beta):
    """Instance norm with the epsilon that this project uses."""
    layer = tfa.layers.InstanceNormalization(epsilon=1e-5)
    layer.build(x.shape)
    layer.gamma, layer.beta = gamma, beta
    return layer(x)


def sample(texture, part, uv):
    """One resampler a part; what lies on other parts is left out."""
    result = 0.0
    for p in range(1, PARTS + 1):
        here = tf.cast(part == p, tf.float32)[..., None]
        result += here * tfa.image.resampler(texture[:, p - 1], uv * (RESOLUTION - 1))
    return result


def record(name, function, inputs, constants=()):
    """Inputs, output, upstream and gradients of `function(*inputs)` under keys `name/…`."""
    variables = {key: tf.constant(value) for key, value in inputs.items()}
    with tf.GradientTape() as tape:
        for key, value in variables.items():
            if key not in constants:
                tape.watch(value)
        output = function(**variables)
    upstream = np.random.default_rng(1).normal(size=output.shape).astype(np.float32)
    wanted = {key: value for key, value in variables.items() if key not in constants}
    gradients = tape.gradient(output, wanted, output_gradients=tf.constant(upstream))
    return {
        **{f"{name}/input/{key}": value for key, value in inputs.items()},
        f"{name}/upstream": upstream,
        f"{name}/output": output.numpy(),
        **{f"{name}/gradient/{key}": value.numpy() for key, value in gradients.items()},
    }


def main(path):
    """Writes the file."""
    random = np.random.default_rng(0)
    channels = 5
    instance_norm = record(
        "instance_norm",
        norm,
        {
            "x": (3 * random.normal(size=[BATCH, 17, 13, channels]) + 1).astype(np.float32),
            "gamma": random.normal(size=[channels]).astype(np.float32),
            "beta": random.normal(size=[channels]).astype(np.float32),
        },
    )
    bilinear = record(
        "sample",
        sample,
        {
            "texture": random.normal(size=[BATCH, PARTS, RESOLUTION, RESOLUTION, CHANNELS]).astype(np.float32),
            "part": random.integers(0, PARTS + 1, [BATCH, HEIGHT, WIDTH]).astype(np.int32),
            "uv": random.random([BATCH, HEIGHT, WIDTH, 2]).astype(np.float32),
        },
        constants=("part",),
    )
    np.savez(path, **instance_norm, **bilinear)
    print(f"TensorFlow {tf.__version__}, tensorflow-addons {tfa.__version__}: wrote {path}")


if __name__ == "__main__":
    main(sys.argv[1])
