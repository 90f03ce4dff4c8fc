"""Filling the gaps of scattered data by pull and push (Gortler et al., The Lumigraph, SIGGRAPH 1996, Sec. 3.4).

  colour `[N, R, R, C]`, 0 where nothing is known   known `[N, R, R, 1]`, 1 or 0

Pull: halve the grid, each cell the mean of the known texels below it. Push: come back up, and give a texel that knows
nothing the bilinear mean of the known cells round it. A known texel never changes.
"""

import math

import tensorflow as tf


def levels(radius: int, resolution: int) -> int:
    """The most levels that fill no texel further than `radius` texels from a known one.

    With n levels the known 2^n x 2^n cells grow by 2^n - 1 texels on the way up. So every texel within 2^n - 1 of a
    known one (in rows and in columns) is filled, and none beyond 2 (2^n - 1): here 2 (2^n - 1) <= `radius`.
    """
    if radius < 0:
        raise ValueError(f"the radius of the fill is {radius}; it must be at least 0 (0 fills nothing)")
    return min(math.floor(math.log2(radius + 2)) - 1, math.ceil(math.log2(resolution)))


def fill(colour: tf.Tensor, known: tf.Tensor, levels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Fills what is unknown from `levels` coarser grids; returns `colour` and `known` of the same shapes."""
    if levels == 0:
        return colour, known
    share = _halve(known)
    coarse = tf.math.divide_no_nan(_halve(colour), share)
    coarse, coarse_known = fill(coarse, tf.cast(share > 0, known.dtype), levels - 1)

    rows, columns = colour.shape[1], colour.shape[2]
    share = _double(coarse_known)[:, :rows, :columns]
    gap = (1 - known) * tf.cast(share > 0, known.dtype)
    spread = _double(coarse)[:, :rows, :columns]
    return colour + spread * tf.math.divide_no_nan(gap, share), known + gap


def _halve(x):
    """Means over 2 x 2 texels, an odd last row or column by itself."""
    return tf.nn.avg_pool2d(x, ksize=2, strides=2, padding="SAME")


def _double(x):
    """Twice the size by bilinear interpolation between cell centres; the outermost cells are extended.

    Slices and sums only: `tf.image.resize` does the same, but ten times slower under XLA.
    """
    for axis in (1, 2):
        size = x.shape[axis]
        edge = [[1, 1] if a == axis else [0, 0] for a in range(4)]
        near, far = 0.75 * x, tf.pad(0.25 * x, edge, mode="SYMMETRIC")
        before, after = (_slice(far, axis, start, size) for start in (0, 2))
        shape = tf.unstack(tf.shape(x))
        shape[axis] = 2 * size
        x = tf.reshape(tf.stack([near + before, near + after], axis=axis + 1), shape)
    return x


def _slice(x, axis, start, size):
    return x[:, start : start + size] if axis == 1 else x[:, :, start : start + size]
