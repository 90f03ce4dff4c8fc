"""Items small enough to be counted by hand."""

import io

import numpy as np
from PIL import Image

from dpt_tf import iuv, records

SIZE = 16


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
