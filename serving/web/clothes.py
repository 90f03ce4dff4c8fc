"""Clothes of another person: what one can choose, and the photo of the person in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dpt_tf.images import display
from dpt_tf.iuv.parts import KINDS
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import dressed_photos
from dpt_tf.transfer.person_file import Person as Kept
from serving.web.painting import Person

_WORN = {"top": (1, 2, *range(15, 23)), "bottom": tuple(range(7, 15)), "shoes": (5, 6), "hair": (23, 24)}
_BODY = 206  # the grey of the parts that a tile is not about


def tiles(body: np.ndarray) -> dict[str, np.ndarray]:
    """A picture of each kind of clothes, for its tile: on the map of a body, the parts that it is worn on."""
    colours = display.colour_map(body)
    grey = np.where(body[..., :1] > 0, np.uint8(_BODY), np.uint8(255))
    return {kind: np.where(np.isin(body[..., :1], _WORN[kind]), colours, grey) for kind in KINDS}


def put_on(transfer: Any, person: Person, wearer: Person, kinds: Sequence[str]) -> tuple[np.ndarray, Kept]:
    """The person's photo with clothes of the wearer in it, and the person in them, to be painted from.

    Args:
      transfer: as `dpt_tf.load` gives it.
      person: who is dressed.
      wearer: who wears the clothes.
      kinds: some of `KINDS`.

    Raises:
      UserError: nothing is chosen, or seen of it in either photo; a model without layers, or an export.
    """
    if not kinds:
        raise UserError(f"there is nothing to put on: choose {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    own, other = (one.kept(transfer) for one in (person, wearer))
    dressed = transfer.dress(own, other, list(kinds))
    return dressed_photos.photo_of(dressed.sources, own.sources, person.photo), dressed
