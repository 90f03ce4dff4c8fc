"""Maps stored as pictures, and pictures that are no maps."""

import io
import warnings

import numpy as np
from PIL import Image

from dpt_tf.iuv.parts import NUM_PARTS
from dpt_tf.iuv.sources import MOST_PIXELS, NOBODY, REMEDY, Decoded, NotIUV, Source, Wanted


def png(source: Source, _wanted: Wanted) -> Decoded:
    """A PNG of three channels, I first or last."""
    data = source.all()
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    if width * height > MOST_PIXELS:
        raise NotIUV(f"{width} x {height} pixels are too many; crop to the person")
    if data[24:25] == b"\x10":
        raise NotIUV("16 bits a channel; save I, U and V with 8 bits each")
    try:
        # What Pillow puts up with would be lines that nobody can act on.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != (width, height):
                raise ValueError("two sizes")
            pixels, corner = _box_of(_three_channels(picture))
    except NotIUV:
        raise
    except Image.UnidentifiedImageError:
        raise NotIUV("a PNG with a damaged header; write it again") from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error... on broken files
        raise NotIUV(f"a PNG that cannot be decoded ({error}); it may be cut short: write it again") from None
    if last_is_part(pixels):
        return Decoded(pixels[..., ::-1], corner, (height, width), "PNG", "R = V, G = U, B = I")
    return Decoded(pixels, corner, (height, width), "PNG", "R = I, G = U, B = V")


def jpeg(_source: Source, _wanted: Wanted) -> Decoded:
    """Refused, always."""
    raise NotIUV(
        "a JPEG: an ordinary photo, a colour visualisation, or a map whose part numbers its compression has changed; "
        + REMEDY
    )


def _three_channels(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode in ("1", "L", "LA", "I", "I;16", "F"):
        raise NotIUV("one channel only (an _INDS.png, a mask or a segmentation); " + REMEDY)
    if "A" in picture.mode or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema()[0] != 255:
            raise NotIUV("a picture with transparent pixels; " + REMEDY)
    return picture.convert("RGB")


def _box_of(picture: Image.Image) -> tuple[np.ndarray, tuple[int, int]]:
    """The smallest part that holds all pixels that are not 0, and a pixel around it: `-> (pixels, (row, column))`.

    Note: the pixel around it lets every later look at neighbours see what it would see on the whole.
    """
    picture.load()
    box = picture.getbbox()
    if box is None:
        raise NotIUV(NOBODY)
    left, top, right, bottom = box
    left, top = max(left - 1, 0), max(top - 1, 0)
    right, bottom = min(right + 1, picture.width), min(bottom + 1, picture.height)
    if (left, top, right, bottom) != (0, 0, *picture.size):
        picture = picture.crop((left, top, right, bottom))
    return np.asarray(picture), (top, left)


def last_is_part(pixels: np.ndarray) -> bool:
    """Whether I is the last channel rather than the first: exactly one of them stays at 24 or below.

    Note: where both do (a map with tiny U or V), I is the one that is 0 on the background only, and where that does
    not tell either, the one that changes less often from pixel to pixel.

    Raises:
      NotIUV: neither can be I.
    """
    first, last = pixels[..., 0], pixels[..., 2]
    small = [bool(channel.max() <= NUM_PARTS) for channel in (first, last)]
    if not any(small):
        if np.ptp(pixels, axis=-1).max() == 0:
            raise NotIUV("a grey picture without part numbers; " + REMEDY)
        raise NotIUV(
            "a colour visualisation (dp_segm, dp_u, dp_v, image-densepose), a photo, an atlas or a damaged map: "
            f"neither the first nor the last channel holds part numbers 0..{NUM_PARTS}; {REMEDY}"
        )
    if small[0] != small[1]:
        return small[1]
    if np.array_equal(first, last):
        raise NotIUV("a grey picture: all channels alike; " + REMEDY)
    background = ~pixels.any(axis=-1)
    exact = [np.array_equal(channel == 0, background) for channel in (first, last)]
    if exact[0] != exact[1]:
        return exact[1]
    return _changes(last) < _changes(first)


def _changes(channel: np.ndarray) -> int:
    return int((channel[1:] != channel[:-1]).sum() + (channel[:, 1:] != channel[:, :-1]).sum())
