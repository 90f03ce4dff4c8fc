"""Items small enough to be counted by hand."""

import io

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.config import HParams
from dpt_tf.data import records

SIZE = 16

# The real networks at their smallest.
TINY = HParams(
    image_size=32,
    atlas_size=32,
    width=4,
    residuals=1,
    coder_width=4,
    context_size=8,
    blending_width=4,
    blending_residuals=1,
    discriminator_width=4,
    perceptual_weight=0.0,
    style_weight=0.0,
    seed=3,
)


def make_item(
    name: str, views: int, held_out: tuple[int, ...] = (), keypoints: bool = True, size: int = SIZE
) -> records.Item:
    """An item whose view v is the grey level v, has U = v and V = the number of views."""
    made: list[records.View] = []
    for view in range(views):
        picture = io.BytesIO()
        Image.fromarray(np.full((size, size, 3), view, np.uint8)).save(picture, "PNG")
        coordinates = np.zeros((size, size, 3), np.uint8)
        coordinates[4:12, 4:12] = (1, view, views)
        points = np.full((18, 2), view, np.int32) if keypoints else records.no_keypoints()
        made.append(
            {
                "name": f"view{view}",
                "image": picture.getvalue(),
                "iuv": iuv.encode(coordinates),
                "keypoints": points,
                "held_out": view in held_out,
            }
        )
    return {"id": name, "views": made}
