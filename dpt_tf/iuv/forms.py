"""File forms of an IUV map: from bytes to `[H, W, 3]` uint8 (I, U, V) as stored, or a refusal with its remedy.

A form is a signature of the first bytes and a decoder; a new one is one more row of `_FORMS`.
"""

import dataclasses
import io
from collections.abc import Callable

import numpy as np
from PIL import Image

LAST_PART = 24
_MOST_PIXELS = 1 << 26
_REMEDY = "give the map that DensePose writes as *_IUV.png, not a picture made from it"


class NotIUV(ValueError):
    """A file holds no usable IUV map: the reason and the remedy."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A map as the file holds it."""

    iuv: np.ndarray
    form: str
    order: str
    mended: tuple[str, ...] = ()


def decode(data: bytes) -> Decoded:
    """Recognises the form by the first bytes and decodes it.

    Raises:
      NotIUV: no form that is known, or not a map.
    """
    if not data:
        raise NotIUV("the file is empty (0 bytes); write it again")
    for signature, decoder in _FORMS:
        if data.startswith(signature):
            return decoder(data)
    raise NotIUV("neither a PNG nor a .npy array; " + _REMEDY)


def _png(data: bytes) -> Decoded:
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    if width * height > _MOST_PIXELS:
        raise NotIUV(f"{width} x {height} pixels are too many; crop to the person")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.mode in ("1", "L", "LA", "I", "I;16", "F"):
                raise NotIUV("one channel only (an _INDS.png or a mask); " + _REMEDY)
            if "A" in picture.mode or "transparency" in picture.info:
                pixels = np.asarray(picture.convert("RGBA"))
                if pixels[..., 3].min() < 255:
                    raise NotIUV("a picture with transparent pixels; " + _REMEDY)
                pixels = pixels[..., :3]
            else:
                pixels = np.asarray(picture.convert("RGB"))
    except NotIUV:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error... on broken files
        raise NotIUV(f"a PNG that cannot be decoded ({error}); it may be cut short: write it again") from None
    if _last_is_part(pixels):
        return Decoded(np.ascontiguousarray(pixels[..., ::-1]), "PNG", "R = V, G = U, B = I")
    return Decoded(pixels, "PNG", "R = I, G = U, B = V")


def _last_is_part(pixels: np.ndarray) -> bool:
    """Whether I is the last channel rather than the first: exactly one of them stays at 24 or below.

    Note: where both do (a map with tiny U or V), I is the one that is 0 on the background only, and where that does
    not tell either, the one that changes less often from pixel to pixel.
    """
    first, last = pixels[..., 0], pixels[..., 2]
    candidates = [channel for channel in (first, last) if channel.max() <= LAST_PART]
    if not candidates:
        if np.ptp(pixels, axis=-1).max() == 0:
            raise NotIUV("a grey picture without part numbers; " + _REMEDY)
        raise NotIUV(
            "a colour visualisation, a photo or a damaged map: neither the first nor the last channel "
            f"holds part numbers 0..{LAST_PART}; {_REMEDY}"
        )
    if len(candidates) == 1:
        return candidates[0] is last
    if np.array_equal(first, last):
        if not first.any():
            return True
        raise NotIUV("a grey picture: all channels alike; " + _REMEDY)
    background = ~pixels.any(axis=-1)
    exact = [np.array_equal(channel == 0, background) for channel in (first, last)]
    if exact[0] != exact[1]:
        return exact[1]
    return _changes(last) < _changes(first)


def _changes(channel: np.ndarray) -> int:
    return int((channel[1:] != channel[:-1]).sum() + (channel[:, 1:] != channel[:, :-1]).sum())


def _npy(data: bytes) -> Decoded:
    array = _load_npy(data)
    kind = str(array.dtype)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and 2 in (array.shape[0], array.shape[-1]) and 3 not in (array.shape[0], array.shape[-1]):
        raise NotIUV(
            "U and V only, without the part number I: nobody can tell which part a pixel is of; save I as well"
        )
    if array.ndim != 3 or 3 not in (array.shape[0], array.shape[-1]):
        raise NotIUV(f"an array of shape {list(array.shape)}; save it as [H, W, 3] or [3, H, W] (I, U, V)")
    if array.shape[-1] == 3:
        layout = "channels last"
    else:
        layout, array = "channels first", np.moveaxis(array, 0, -1)
    form = f".npy {kind}, {layout}"
    if array.shape[0] * array.shape[1] == 0:
        raise NotIUV("an array without a pixel; write it again")
    if array.dtype.kind == "f":
        return _from_floats(array, form)
    if array.min() < 0 or array.max() > 255:
        raise NotIUV(f"values from {array.min()} to {array.max()}; I, U and V as integers lie in 0..255")
    array = array.astype(np.uint8)
    if _last_is_part(array):
        return Decoded(np.ascontiguousarray(array[..., ::-1]), form, "V, U, I")
    return Decoded(np.ascontiguousarray(array), form, "I, U, V")


def _load_npy(data: bytes) -> np.ndarray:
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if dtype.kind not in "iuf":
            raise NotIUV(f"an array of {dtype}; save I, U and V as uint8 or float32")
        if np.prod(shape, dtype=float) * dtype.itemsize > len(data):
            raise NotIUV("an array cut short; write it again")
        return np.load(io.BytesIO(data), allow_pickle=False)
    except NotIUV:
        raise
    except Exception as error:  # a hostile or broken header can raise nearly anything
        raise NotIUV(f"a .npy file that cannot be read ({type(error).__name__}); write it again") from None


def _from_floats(array: np.ndarray, form: str) -> Decoded:
    """I as whole numbers, U and V about 0..1: networks overshoot a little (-0.0024, 1.0068), which is clipped."""
    if not np.isfinite(array).all():
        raise NotIUV("holds NaN or infinity; save the map again without them")
    part, uv = array[..., 0], array[..., 1:]
    if (part != np.round(part)).any() or part.min() < 0 or part.max() > LAST_PART:
        raise NotIUV(f"its first channel is not a part number 0..{LAST_PART}; save the channels as I, U, V")
    if uv.min() < -0.1 or uv.max() > 1.1:
        raise NotIUV(f"U and V run from {uv.min():.3g} to {uv.max():.3g}; as floats they lie in 0..1")
    clipped = int(((uv < 0) | (uv > 1)).any(-1).sum())
    levels = np.round(np.clip(uv, 0, 1) * 255)
    iuv = np.concatenate([part[..., None], levels], axis=-1).astype(np.uint8)
    mended = (f"U or V of {clipped} pixels clipped to 0..1",) if clipped else ()
    return Decoded(iuv, form, "I, U, V", mended)


def _jpeg(data: bytes) -> Decoded:
    raise NotIUV(
        "a JPEG: its compression changes part numbers and coordinates; write the map as PNG from the network's output"
    )


_FORMS: tuple[tuple[bytes, Callable[[bytes], Decoded]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\x93NUMPY", _npy),
    (b"\xff\xd8\xff", _jpeg),
)
