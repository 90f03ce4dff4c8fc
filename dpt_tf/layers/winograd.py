"""3x3 convolutions on a CPU with a quarter of the multiplications (Lavin & Gray, 2016, F(4x4, 3x3)).

  x `[B, H, W, C]` with H and W multiples of 4   kernel `[3, 3, C, O]`   y `[B, H, W, O]`   n = B H/4 W/4 tiles

Patches of 6x6 pixels, four pixels apart, go through V = B^T p B; then each of the 36 positions is a matrix product of
its own, n x C by C x O; A^T m A makes 4x4 pixels of each. All three transforms are linear, so with their Kronecker
squares they are matrix products too. In float32 the result differs from a direct one by about 1e-5 of its spread.
"""

import numpy as np
import tensorflow as tf

from dpt_tf.ops.device import custom_gradient, device

_B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
_INPUT, _KERNEL, _OUTPUT = (np.kron(m, m).astype(np.float32) for m in (_B, _G, _A))
_TURNED = _KERNEL[:, ::-1].copy()  # of a kernel turned by 180 degrees


def pays(x, kernel):
    """Whether this way is the faster one: on a CPU, in float32, for many channels and tiles.

    With fewer than 128 channels the transforms, which wait for memory, eat the gain; with few tiles reading the 36
    matrices of the kernel does.
    """
    batch, height, width, channels = x.shape
    if x.dtype != tf.float32 or height is None or width is None or height % 4 or width % 4:
        return False
    tiles = (batch or 1) * (height // 4) * (width // 4)
    return tiles >= 64 and min(channels, kernel.shape[-1]) >= 128 and device() == "cpu"


@custom_gradient
def convolve(x, kernel):
    """`tf.nn.conv2d(x, kernel, 1, "SAME")`, and its gradients by the same means."""
    v = _transform_input(x)

    def gradient(dy):
        turned = _transform_kernel(kernel, _TURNED)
        dx = _transform_output(tf.matmul(_transform_input(dy), turned, transpose_b=True), x)
        tiles = tf.reshape(dy, [-1, dy.shape[1] // 4, 4, dy.shape[2] // 4, 4, dy.shape[3]])
        tiles = tf.reshape(tf.transpose(tiles, [2, 4, 0, 1, 3, 5]), [16, -1])
        dm = tf.reshape(tf.matmul(_OUTPUT, tiles, transpose_a=True), [36, -1, dy.shape[3]])
        du = tf.matmul(v, dm, transpose_a=True)  # [36, C, O]
        dk = tf.matmul(_KERNEL, tf.reshape(du, [36, -1]), transpose_a=True)
        return dx, tf.reshape(dk, kernel.shape)

    return _transform_output(tf.matmul(v, _transform_kernel(kernel)), x), gradient


def convolve_any(x, kernel):
    """The same for pictures whose height and width are any, or unknown to the graph; without gradients."""
    height, width = tf.shape(x)[1], tf.shape(x)[2]
    padded = tf.pad(x, [[0, 0], [0, -height % 4], [0, -width % 4], [0, 0]])
    y = _transform_output(tf.matmul(_transform_input(padded), _transform_kernel(kernel)), padded)
    return tf.ensure_shape(y[:, :height, :width], [*x.shape[:-1], kernel.shape[-1]])


def _transform_input(x):
    """`[B, H, W, C] -> [36, n, C]`."""
    height, width, channels = _sizes(x)
    rows, columns = height + 2, width + 2
    steps = np.arange if isinstance(height, int) and isinstance(width, int) else tf.range
    i, j = np.arange(6, dtype=np.int32)[:, None, None, None], np.arange(6, dtype=np.int32)[:, None, None]
    y, x0 = steps(0, height, 4, dtype=np.int32)[:, None], steps(0, width, 4, dtype=np.int32)
    first = (i + y) * columns + (j + x0)  # [6, 6, H/4, W/4], in the padded image
    image = tf.range(tf.shape(x)[0])[:, None, None] * (rows * columns)
    index = tf.reshape(first[:, :, None] + image, [-1])
    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    patches = tf.gather(tf.reshape(padded, [-1, channels]), index)
    return tf.reshape(tf.matmul(_INPUT, tf.reshape(patches, [36, -1])), [36, -1, channels])


def _transform_kernel(kernel, by=_KERNEL):
    """`[3, 3, C, O] -> [36, C, O]`."""
    return tf.reshape(tf.matmul(by, tf.reshape(kernel, [9, -1])), [36, *kernel.shape[2:]])


def _transform_output(m, like):
    """`[36, n, O] -> [B, H, W, O]` with the height and width of `like`."""
    (height, width, _), channels = _sizes(like), m.shape[-1]
    y = tf.matmul(_OUTPUT, tf.reshape(m, [36, -1]))
    y = tf.reshape(y, [4, 4, -1, height // 4, width // 4, channels])
    return tf.reshape(tf.transpose(y, [2, 3, 0, 4, 1, 5]), [-1, height, width, channels])


def _sizes(x):
    """(H, W, C), as numbers where the graph knows them."""
    known, unknown = x.shape[1:], tf.shape(x)[1:]
    return tuple(unknown[i] if known[i] is None else known[i] for i in range(3))
