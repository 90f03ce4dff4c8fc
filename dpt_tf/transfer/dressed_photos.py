"""Photos of somebody whose clothes are replaced: what of a photo is hair or outline, and the photo as it then looks.

  photo uint8 `[H, W, 3]`   iuv uint8 `[H, W, 3]`, its map   texture uint8 `[24, R, R, 3]`

On the body a pixel takes the new surface as far as its texel is changed. Beside it the old garment goes, within
`backdrop.REACH`; so near the body as a garment lies on it the new one takes its place. Hands and hair stay.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from dpt_tf.images import framing
from dpt_tf.iuv import NUM_PARTS, tubes
from dpt_tf.models import unwrapping
from dpt_tf.ops import atlas, backdrop, levels
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import garments
from dpt_tf.transfer.garments import Worn
from dpt_tf.transfer.sources import Sources

Bytes = NDArray[np.uint8]

_EDGE = 1.5  # pixels of 256 along an outline, where colours are mixed with what stands behind
_RIM = 0.006  # sides of the picture: so far beside the body a garment may reach
_HANDS, _FEET, _ARMS, _HEAD = (3, 4), (5, 6), tuple(range(15, 23)), (23, 24)
_COVERED = (1, 2, *_ARMS)  # where hair may lie on a garment
_BY_ARM = 0.03  # sides of the picture
_STANDS_OUT = 30.0  # of 255: what differs so much more from the backdrop than that does from its means is not that
_PLAIN = 8.0  # of 255: what a plain backdrop differs by from its means
_SURELY = 0.8  # a likeness
_LEVELS = 12  # of a fill that reaches everywhere


def inner(iuv: Bytes) -> NDArray[np.bool_]:
    """The body without what lies at the outline of a piece, before the backdrop or another piece: `[H, W]`.

    Of a part that is all outline the inner half is left.
    """
    part = _parts(iuv)
    piece = np.concatenate([[-1], tubes.places(64)[0]])[part]
    width, found = _EDGE * max(piece.shape) / 256, np.zeros(piece.shape, bool)
    for number in set(part.ravel().tolist()) - {0}:
        here = part == number
        depth = ndimage.distance_transform_edt(np.pad(piece == piece[here][0], 1))[1:-1, 1:-1]
        found |= here & (depth > min(width, np.median(depth[here]) - 1e-3))
    return found


def hair(person: Bytes, iuv: Bytes, worn: Worn) -> NDArray[np.bool_]:
    """Hair that lies on trunk or arms, or hangs beside them: what is like the head's, and one piece with it `[H, W]`.

    `person` is uint8 `[H, W, 5]`, photo and shares as `Composition.source` has them. What is as much like the top or
    the skin is no hair.
    """
    part = _parts(iuv)
    if worn.hair is None or worn.chest is None:
        return np.zeros(part.shape, bool)
    smooth = ndimage.gaussian_filter(person[..., :3].astype(np.float32), (0.7, 0.7, 0))
    like = garments.like(smooth, worn.hair, [worn.chest, *worn.skin]) > _SURELY
    like &= np.isin(part, _COVERED) | ((part == 0) & (person[..., 3] > 127))
    like = ndimage.binary_opening(like | np.isin(part, _HEAD))
    pieces, _ = ndimage.label(like)
    of_head = np.unique(pieces[np.isin(part, _HEAD) & like])
    own = like & np.isin(pieces, of_head[of_head > 0])
    return ndimage.binary_closing(own, iterations=2) & ~np.isin(part, _HEAD)


def redone(
    each: Mapping[str, Any], iuv: Bytes, texture: Bytes, changed: Bytes, stays: NDArray[np.bool_], first: bool
) -> tuple[Bytes, Bytes]:
    """A photo of the person as it looks now.

    Args:
      each: what poses are painted from, of that photo (`Composition.source`).
      iuv: its map.
      texture: the new surface.
      changed: uint8 `[24, R, R, 2]`, 255 where it is new, and where that is cloth.
      stays: pixels that are left alone.
      first: whether the backdrop of `each` is this photo's.

    Returns:
      The photo, and how much of each pixel is the person, uint8 `[H, W, 1]`.
    """
    known = np.asarray(each["person"])[0]
    photo, share = known[..., :3].astype(np.float32), known[..., 3:4] / np.float32(255)
    part, side = _parts(iuv), max(photo.shape)
    body = part > 0
    sheet, uv = unwrapping.places_of(tf.constant(iuv[None]), tf.where(body[None]))
    colour, both = np.zeros_like(photo), np.zeros([*body.shape, 2], np.float32)
    colour[body] = atlas.lookup_at(tf.constant(texture[None]), sheet, uv).numpy()
    both[body] = atlas.lookup_at(tf.constant(changed[None]), sheet, uv).numpy() / 255
    weight, cloth = both[..., :1], both[..., 1:]

    far, at = _nearest(body)
    far_limb, at_limb = _nearest(body & ~np.isin(part, (*_HANDS, *_FEET, *_ARMS)))
    by_arm = ~body & (_nearest(np.isin(part, (*_HANDS, *_ARMS)))[0] < _BY_ARM * side)
    hidden = ndimage.binary_dilation((share[..., 0] > 0) | body | by_arm, iterations=max(1, round(_EDGE * side / 256)))
    behind, grain = _filled(photo, hidden), _grain(photo, hidden)
    if first and grain > _PLAIN:  # means would be a smear, but where nobody looked behind the person
        before = _backdrop(each, photo)
        behind = np.where((by_arm & (before == photo).all(-1))[..., None], behind, before)
    there = np.clip((np.abs(photo - behind).mean(-1, keepdims=True) - 2 * grain) / _STANDS_OUT, 0, 1)
    share = np.maximum(share, there * by_arm[..., None])  # a source leaves out what is so near an arm
    near = np.clip(2 - far / (_RIM * side), 0, 1)[..., None]
    of_hand = np.isin(part[at], (*_HANDS, *_FEET)) & (far < _EDGE * side / 256)
    hung = weight[at_limb] * (far_limb < backdrop.REACH * side)[..., None]
    gone = np.where((of_hand & ~body)[..., None], 0, np.maximum(weight[at] * (near > 0), hung))
    gone = np.where(body[..., None], weight, gone * (share > 0)) * ~stays[..., None]
    kept = np.where(body[..., None], 1, np.clip(2 * share - 0.5, 0, 1) * near * cloth[at])
    made = photo + gone * (kept * colour[at] + (1 - kept) * behind - photo)
    share = share + gone * (kept - share)
    return np.rint(np.clip(made, 0, 255)).astype(np.uint8), np.rint(255 * share).astype(np.uint8)


def photo_of(after: Sources, before: Sources, photo: Bytes) -> Bytes:
    """The first photo, at its own size, with what dressing has changed in it; all else is as it was, to the pixel.

    Raises:
      UserError: nothing is changed: the photo does not show these parts.
    """
    new, old = (np.asarray(x.each[0]["person"])[0, ..., :3] for x in (after, before))
    changed = (new != old).any(-1, keepdims=True)
    if not changed.any():
        raise UserError("the person's photo shows nothing of these parts; take one that does, or paint a pose")
    height, width = photo.shape[:2]
    share = framing.enlarged((255 * changed).astype(np.uint8), height, width)
    return np.where(share > 0, framing.enlarged(new, height, width), photo)


def _parts(iuv):
    return np.where(iuv[..., 0] <= NUM_PARTS, iuv[..., 0], 0)


def _nearest(where):
    """How far the nearest pixel of some is from each, and its row and column; 0, 0 where there is none."""
    if not where.any():
        return np.full(where.shape, np.inf), (np.zeros(where.shape, int), np.zeros(where.shape, int))
    far, (rows, columns) = ndimage.distance_transform_edt(~where, return_indices=True)
    return far, (rows, columns)


def _filled(photo, hidden):
    """What stands behind, by what is around."""
    hidden = tf.constant(hidden[None, ..., None].astype(np.float32))
    return levels.grey(backdrop.filled(levels.signed(photo)[None], hidden, _LEVELS)).numpy()[0].astype(np.float32)


def _grain(photo, hidden):
    """How much the backdrop differs from means of it, mostly."""
    if hidden.all():
        return 0.0
    far = ~ndimage.binary_dilation(hidden, iterations=8)
    differs = np.abs(photo - ndimage.gaussian_filter(photo, (4, 4, 0))).mean(-1)
    return np.quantile(differs[far if far.any() else ~hidden], 0.9)


def _backdrop(each, photo):
    """The backdrop that goes with a photo, of its size."""
    square = np.asarray(each["backdrop"])[0].astype(np.float32)
    top, left = ((len(square) - length) // 2 for length in photo.shape[:2])
    return square[top : top + photo.shape[0], left : left + photo.shape[1]]
