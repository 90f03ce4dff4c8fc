"""Maps stored as numpy arrays (`.npy`): integers or floats, channels first or last."""

import ast
import math

import numpy as np

from dpt_tf.iuv.parts import NUM_PARTS
from dpt_tf.iuv.pictures import last_is_part
from dpt_tf.iuv.sources import MOST_PIXELS, NOBODY, REMEDY, Decoded, NotIUV, Source, Wanted

_LONGEST_HEADER = 10_000
_BLOCK = 1 << 20


def npy(source: Source, _wanted: Wanted) -> Decoded:
    """An array of three channels; floats are I as whole numbers, U and V about 0..1."""
    shape, fortran, dtype, start = _header(source)
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    _refuse_shape(shape)
    if source.size - start < math.prod(shape) * dtype.itemsize:
        raise NotIUV("an array cut short; write it again")
    array = np.frombuffer(source.all(), dtype, math.prod(shape), start).reshape(shape, order="F" if fortran else "C")
    if shape[-1] == 3:
        layout = "channels last"
    else:
        layout, array = "channels first", np.moveaxis(array, 0, -1)
    form = f".npy {dtype}, {layout}"
    if dtype.kind == "f":
        iuv, mended = _from_floats(array)
        return _boxed(iuv, form, "I, U, V", mended)
    if array.min() < 0 or array.max() > 255:
        raise NotIUV(f"values from {array.min()} to {array.max()}; I, U and V as integers lie in 0..255")
    array = array.astype(np.uint8)
    if not array.any():
        raise NotIUV(NOBODY)
    if last_is_part(array):
        return _boxed(array[..., ::-1], form, "V, U, I", ())
    return _boxed(array, form, "I, U, V", ())


def _header(source: Source) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """`-> (shape, whether columns come first, dtype, where the numbers begin)`."""
    fixed = source.read(0, min(source.size, 12))
    version, start = fixed[6:7], 10 if fixed[6:7] == b"\1" else 12
    length = int.from_bytes(fixed[8:start], "little")
    if version not in (b"\1", b"\2", b"\3") or length > _LONGEST_HEADER:
        raise NotIUV("a .npy file with a damaged header; write it again")
    text = source.read(start, length)
    try:
        if b"\\" in text:  # Python would warn of unknown escapes
            raise ValueError
        claimed = ast.literal_eval(text.decode())
        shape, fortran = tuple(claimed["shape"]), bool(claimed["fortran_order"])
        dtype = np.lib.format.descr_to_dtype(claimed["descr"])
        impossible = any(type(length) is not int or not 0 <= length < 1 << 48 for length in shape)
    except Exception:  # a hostile or broken header can raise nearly anything
        raise NotIUV("a .npy file with a damaged header; write it again") from None
    if impossible:
        raise NotIUV("a .npy file with an impossible shape; write it again")
    if dtype.kind not in "iuf":
        raise NotIUV(f"an array of {dtype}; save I, U and V as uint8 or float32")
    return shape, fortran, dtype, start + length


def _refuse_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 3 and 2 in (shape[0], shape[-1]) and 3 not in (shape[0], shape[-1]):
        raise NotIUV(
            "U and V only, without the part number I (DreamPose stores them so): nobody can tell which part a pixel is "
            f"of; save I as well, or {REMEDY}"
        )
    if len(shape) != 3 or 3 not in (shape[0], shape[-1]):
        raise NotIUV(f"an array of shape {list(shape)[:8]}; save it as [H, W, 3] or [3, H, W] (I, U, V)")
    height, width = shape[:2] if shape[-1] == 3 else shape[1:]
    if height * width == 0:
        raise NotIUV("an array without a pixel; write it again")
    if height * width > MOST_PIXELS:
        raise NotIUV(f"{width} x {height} pixels are too many; crop to the person")


def _from_floats(array: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Networks overshoot 0..1 a little (-0.0024, 1.0068), which is clipped: `-> (uint8 [H, W, 3], what was done)`."""
    iuv, clipped = np.empty(array.shape, np.uint8), 0
    rows = max(_BLOCK // array.shape[1], 1)
    for row in range(0, len(array), rows):
        block = array[row : row + rows]
        part, uv = block[..., 0], block[..., 1:]
        if not np.isfinite(block).all():
            raise NotIUV("holds NaN or infinity; save the map again without them")
        if (part != np.round(part)).any() or part.min() < 0 or part.max() > NUM_PARTS:
            raise NotIUV(f"its first channel is not a part number 0..{NUM_PARTS}; save the channels as I, U, V")
        if uv.min() < -0.1 or uv.max() > 1.1:
            raise NotIUV(f"U and V run from {uv.min():.3g} to {uv.max():.3g}; as floats they lie in 0..1")
        clipped += int(((uv < 0) | (uv > 1)).any(-1).sum())
        iuv[row : row + rows, :, 0] = part
        iuv[row : row + rows, :, 1:] = np.round(np.clip(uv, 0, 1) * 255)
    return iuv, (f"U or V of {clipped} pixels clipped to 0..1",) if clipped else ()


def _boxed(iuv: np.ndarray, form: str, order: str, mended: tuple[str, ...]) -> Decoded:
    occupied = np.asarray(iuv.any(-1))
    if not occupied.any():
        raise NotIUV(NOBODY)
    (top, bottom), (left, right) = (np.flatnonzero(occupied.any(axis))[[0, -1]].tolist() for axis in (1, 0))
    return Decoded(iuv[top : bottom + 1, left : right + 1], (top, left), iuv.shape[:2], form, order, mended)
