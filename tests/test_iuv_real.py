"""Real maps, where this machine has them: each is read or refused as its folder says, and mended."""

import numpy as np
import pytest
from PIL import Image

from dpt_tf import iuv


def jumps(made: np.ndarray) -> int:
    """Neighbours of one part whose U or V differ by more than 160."""
    total = 0
    for axis in (0, 1):
        part, step = np.moveaxis(made[..., 0], axis, 0), np.moveaxis(np.diff(made.astype(int), axis=axis), axis, 0)
        same = (part[1:] > 0) & (step[..., 0] == 0)
        total += int((same[..., None] & (abs(step[..., 1:]) > 160)).sum())
    return total


def test_real_maps_have_no_jump_left(realdata):
    before = after = 0
    for path in sorted((realdata / "fashion_video" / "iuv").iterdir())[::4]:
        before += jumps(np.asarray(Image.open(path))[..., ::-1])
        after += jumps(iuv.read(path))
    assert before > 100
    assert after == 0


def test_png_and_npy_of_one_real_map_read_alike(realdata):
    photos = realdata / "photos"
    np.testing.assert_array_equal(iuv.read(photos / "hunter_256_IUV.png"), iuv.read(photos / "hunter_256_IUV.npy"))


def test_every_real_map_is_read_and_no_photo_is(realdata):
    for name in ("fashion_video", "taichi_video"):
        maps, pictures = (sorted((realdata / name / kind).iterdir()) for kind in ("iuv", "images"))
        assert len(maps) > 80
        assert {iuv.examine(path).order for path in maps} == {"R = V, G = U, B = I"}
        for path in pictures[::10]:
            with pytest.raises(iuv.NotIUV, match=r"apply_net\.py dump"):
                iuv.read(path)
    for path in sorted((realdata / "photos").iterdir()):
        if "iuv" in path.name.lower() or path.suffix == ".npy":
            assert iuv.read(path).any()
        else:
            with pytest.raises(iuv.NotIUV, match=r"apply_net\.py dump"):
                iuv.read(path)
    with pytest.raises(iuv.NotIUV, match="an atlas"):
        iuv.read(realdata / "atlas" / "texture_from_SURREAL.png")


def test_the_real_files_are_what_they_are_said_to_be(realdata):
    photos = realdata / "photos"
    assert iuv.examine(photos / "fashionWOMENSkirtsid0000177102_1front_iuv.png").order == "R = I, G = U, B = V"
    assert iuv.examine(photos / "01_7_additional_IUV.png").order == "R = V, G = U, B = I"
    assert iuv.examine(photos / "000240_0_IUV.npy").form == ".npy float32, channels first"
    assert len(iuv.examine(realdata / "crowd" / "demo_im_IUV.png").people) > 3
    with pytest.raises(iuv.NotIUV, match="one channel"):
        iuv.read(realdata / "crowd" / "demo_im_INDS.png")
    with pytest.raises(iuv.NotIUV, match="visualisation"):
        iuv.read(photos / "fashionWOMENSkirtsid0000177102_1front.png")
