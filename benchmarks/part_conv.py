"""Ways to convolve 24 parts with 24 kernels, side by side, for the encoder layers of Table 6.

usage: python benchmarks/part_conv.py [--size=256] [--batch=1] [--runs=5] [--json]

  list      24 convolutions, which is what `layers.PartConv` does
  grouped   one convolution of 24 groups over concatenated channels
  matmul    patches of every part, then one batched matrix product

Seconds of the best run: forward, and forward with both gradients.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

PARTS = 24
LAYERS = ((1, 3, 32), (2, 32, 32), (4, 32, 64), (8, 64, 128))  # the atlas is R / first wide; channels in, out


def as_list(parts, kernel):
    """24 convolutions."""
    return [tf.nn.conv2d(x, k, 2, "SAME") for x, k in zip(parts, tf.unstack(kernel), strict=True)]


def grouped(parts, kernel):
    """One convolution of 24 groups."""
    y = tf.nn.conv2d(tf.concat(parts, -1), tf.concat(tf.unstack(kernel), -1), 2, "SAME")
    return tf.split(y, PARTS, axis=-1)


def matmul(parts, kernel):
    """Patches, then one batched product."""
    batch, size, channels = parts[0].shape[0], parts[0].shape[1], parts[0].shape[-1]
    padded = tf.pad(tf.stack(parts), [[0, 0], [0, 0], [0, 1], [0, 1], [0, 0]])
    taps = [padded[:, :, i : i + size : 2, j : j + size : 2] for i in range(3) for j in range(3)]
    patches = tf.reshape(tf.concat(taps, -1), [PARTS, -1, 9 * channels])
    y = tf.matmul(patches, tf.reshape(kernel, [PARTS, 9 * channels, -1]))
    return tf.unstack(tf.reshape(y, [PARTS, batch, size // 2, size // 2, -1]))


def seconds(function, runs):
    """The best of some runs, after one that traces."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        tf.nest.map_structure(lambda y: y.numpy(), function())
        times.append(time.perf_counter() - start)
    return min(times)


def measure(way, parts, kernel, runs):
    """Seconds of the forward pass, and of it with the gradients by input and kernel."""

    @tf.function(autograph=False)
    def forward():
        return tf.add_n([tf.reduce_sum(y) for y in way(parts, kernel)])

    @tf.function(autograph=False)
    def both():
        with tf.GradientTape() as tape:
            tape.watch([parts, kernel])
            loss = tf.add_n([tf.reduce_sum(tf.square(y)) for y in way(parts, kernel)])
        d_parts, d_kernel = tape.gradient(loss, [parts, kernel])
        return tf.add_n([tf.reduce_sum(d) for d in d_parts]) + tf.reduce_sum(d_kernel)

    return seconds(forward, runs), seconds(both, runs)


def main():
    """Measures, prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="texels along a side of a part")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    rows = []
    for shrink, channels, filters in LAYERS:
        size = arguments.size // shrink
        parts = [tf.random.normal([arguments.batch, size, size, channels]) for _ in range(PARTS)]
        kernel = tf.random.normal([PARTS, 3, 3, channels, filters])
        for way in (as_list, grouped, matmul):
            forward, both = measure(way, parts, kernel, arguments.runs)
            rows.append({"layer": f"{size}x{size} {channels}->{filters}", "way": way.__name__.removeprefix("as_")})
            rows[-1] |= {"forward": round(forward, 4), "with_gradients": round(both, 4)}
            if not arguments.json:
                print("{layer:20s} {way:10s} {forward:9.4f} {with_gradients:9.4f}".format(**rows[-1]), flush=True)
    if arguments.json:
        print(json.dumps({"device": device, "size": arguments.size, "batch": arguments.batch, "rows": rows}))


if __name__ == "__main__":
    main()
