"""Filling the gaps of scattered data by pull and push (Gortler et al., The Lumigraph, SIGGRAPH 1996, Sec. 3.4).

  colour `[N, H, W, C]`, 0 where nothing is known   known `[N, H, W, 1]`, 1 or 0

H and W may be unknown. A share between 0 and 1 of `known` is a texel that knows so much; its colour has that factor.

Pull: halve the grid, each cell the mean of the known texels below it. Push: come back up, and give a texel that knows
nothing the bilinear mean of the known cells round it. A known texel never changes.
"""

import math

import tensorflow as tf

from dpt_tf.ops.device import device

_FEW = 32  # texels along a side, for which less of a graph counts more than the time they take


def levels(radius: int, resolution: int) -> int:
    """The most levels that fill no texel further than `radius` texels from a known one.

    With n levels the known 2^n x 2^n cells grow by 2^n - 1 texels on the way up. So every texel within 2^n - 1 of a
    known one (in rows and in columns) is filled, and none beyond 2 (2^n - 1): here 2 (2^n - 1) <= `radius`.
    """
    if radius < 0:
        raise ValueError(f"the radius of the fill is {radius}; it must be at least 0 (0 fills nothing)")
    return min(math.floor(math.log2(radius + 2)) - 1, math.ceil(math.log2(resolution)))


def all_levels(resolution: int) -> int:
    """As many as reach everywhere: nothing stays unknown in a sheet where something is known."""
    return math.ceil(math.log2(resolution))


def fill(
    colour: tf.Tensor, known: tf.Tensor, levels: int, used: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Fills what is unknown from `levels` coarser grids; returns `colour` and `known` of the same shapes.

    Where the graph only learns how many, `levels` is the most, and `used`, a scalar int32, how many there are.
    """
    if levels == 0:
        return colour, known
    share = _halve(known)
    coarse = _times(_halve(colour), tf.math.reciprocal_no_nan(share))
    deeper = None if used is None else used - 1
    coarse, coarse_known = fill(coarse, tf.cast(share > 0, known.dtype), levels - 1, deeper)

    share = _enlarged(coarse_known, known)
    gap = (1 - known) * tf.cast(share > 0, known.dtype)
    if used is not None:
        gap *= tf.cast(used > 0, known.dtype)
    return colour + _times(_enlarged(coarse, colour), tf.math.divide_no_nan(gap, share)), known + gap


def _halve(x):
    """Means over 2 x 2 texels, an odd last row or column by itself."""
    return tf.nn.avg_pool2d(x, ksize=2, strides=2, padding="SAME")


def double(x):
    """Twice the size by bilinear interpolation between cell centres: `[N, H, W, C] -> [N, 2H, 2W, C]`.

    The outermost cells are extended. On a GPU by slices and sums: the gradient of the operation that does the same on a
    CPU, twenty times quicker, is another one there every time.
    """
    if device() == "cpu":
        rows, columns = x.shape[1:3]
        size = [2 * rows, 2 * columns] if rows and columns else 2 * tf.shape(x)[1:3]
        y = tf.raw_ops.ResizeBilinear(images=tf.cast(x, tf.float32), size=size, half_pixel_centers=True)
        return tf.cast(y, x.dtype)
    for axis in (1, 2):
        size = _sizes(x)[axis - 1]
        edge = [[1, 1] if a == axis else [0, 0] for a in range(4)]
        near, far = 0.75 * x, tf.pad(0.25 * x, edge, mode="SYMMETRIC")
        before, after = (_slice(far, axis, start, size) for start in (0, 2))
        shape = tf.unstack(tf.shape(x))
        shape[axis] = 2 * size
        x = tf.reshape(tf.stack([near + before, near + after], axis=axis + 1), shape)
    return x


def _enlarged(x, like):
    """`double`, cut to rows and columns of `like`."""
    y = double(x)
    if y.shape[1:3].is_fully_defined() and y.shape[1:3] == like.shape[1:3]:
        return y
    return tf.ensure_shape(tf.slice(y, [0, 0, 0, 0], tf.shape(like)), like.shape)


def _times(colour, factor):
    """`colour * factor`, of which the second has one channel. On a CPU a product of matrices costs a third of it."""
    size, channels = colour.shape[1:3], colour.shape[3]
    if channels == 1 or (size.is_fully_defined() and max(size) <= _FEW):
        return colour * factor
    each = tf.matmul(tf.reshape(factor, [-1, 1]), tf.ones([1, channels or tf.shape(colour)[3]]))
    return colour * tf.reshape(each, tf.shape(colour))


def _sizes(x):
    """Rows and columns, numbers where the graph knows them."""
    known, shape = x.shape[1:3], tf.shape(x)
    return tuple(shape[axis + 1] if size is None else size for axis, size in enumerate(known))


def _slice(x, axis, start, size):
    return x[:, start : start + size] if axis == 1 else x[:, :, start : start + size]
