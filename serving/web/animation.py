"""An animation from frames: one palette for all of them, so that no colour flickers."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from dpt_tf.images import framing
from serving.web.painting import Pose

_COLOURS = 255
_SAMPLE = 1 << 20  # pixels that the palette is chosen from


def in_one_frame(poses: Sequence[Pose]) -> list[Pose]:
    """Poses as they are where all maps have one size, else in squares of the largest side."""
    if len({pose.iuv.shape for pose in poses}) <= 1:
        return list(poses)
    side = max(max(pose.iuv.shape[:2]) for pose in poses)
    return [Pose(pose.name, framing.square_map(pose.iuv, side)) for pose in poses]


def gif(frames: Sequence[np.ndarray], milliseconds: int = 90) -> bytes:
    """An endless GIF of frames `[H, W, 3]` of one size, each shown for `milliseconds`.

    Frames that are the same, one after the other, become one that is shown as long as they would be.
    """
    stacked = np.concatenate(frames)
    palette = Image.fromarray(stacked[:: -(-stacked.shape[0] * stacked.shape[1] // _SAMPLE)]).quantize(
        _COLOURS, Image.Quantize.FASTOCTREE
    )
    # Without dithering: its grain would change from frame to frame.
    indexed = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer, "GIF", save_all=True, append_images=indexed[1:], duration=milliseconds, loop=0, optimize=False
    )
    return buffer.getvalue()
