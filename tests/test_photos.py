"""What is stored of a photo looks like the photo, whatever its size, form and way up."""

import io
import os
import pathlib
import warnings

import damaged
import numpy as np
import odd_files
import pytest
from PIL import Image, ImageOps, JpegImagePlugin

from dpt_tf.densepose import asking
from dpt_tf.images import framing, photos
from dpt_tf.system.errors import UserError


def grain(height, width, cell=32) -> Image.Image:
    """Something with detail in it, no white noise."""
    noise = np.random.default_rng(0).integers(0, 256, (height // cell, width // cell, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def square_of(path: pathlib.Path, size: int) -> tuple[Image.Image, np.ndarray]:
    opened = Image.open(io.BytesIO(photos.square(path, size)[0]))
    return opened, np.asarray(opened).astype(float)


def test_a_resized_jpeg_stays_a_jpeg_with_all_of_its_colour(tmp_path):
    grain(160, 120).save(tmp_path / "x.jpg", quality=98, subsampling=0)
    grain(160, 120).save(tmp_path / "x.png")
    (jpeg, seen), (png, wanted) = square_of(tmp_path / "x.jpg", 100), square_of(tmp_path / "x.png", 100)
    assert (jpeg.format, png.format) == ("JPEG", "PNG")
    assert JpegImagePlugin.get_sampling(jpeg) == 0
    assert jpeg.size == (100, 100)
    assert np.sqrt(((seen - wanted) ** 2).mean()) < 3


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
@pytest.mark.parametrize("shape", [(640, 480), (640, 355), (417, 530)])
def test_a_large_jpeg_that_is_not_decoded_whole_looks_the_same(tmp_path, shape, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    grain(*shape).save(tmp_path / "x.jpg", quality=98, subsampling=0, exif=exif)
    with Image.open(tmp_path / "x.jpg") as whole:
        upright = ImageOps.exif_transpose(whole)
    _, seen = square_of(tmp_path / "x.jpg", 64)
    wanted = framing.square_photo(np.asarray(upright), 64)
    assert photos.square(tmp_path / "x.jpg", 64)[1:] == (upright.height, upright.width)
    assert np.sqrt(((seen - wanted) ** 2).mean()) < 3


def test_a_large_jpeg_is_decoded_no_further_than_needed(tmp_path, monkeypatch):
    decoded = []
    squared = framing.square_photo
    monkeypatch.setattr(framing, "square_photo", lambda p, *rest: decoded.append(p.shape[:2]) or squared(p, *rest))
    grain(1024, 800).save(tmp_path / "x.jpg")
    for size in (64, 65, 256, 257, 512, 513):
        photos.square(tmp_path / "x.jpg", size)
    assert [height for height, _ in decoded] == [128, 256, 512, 1024, 1024, 1024]


def test_a_grey_picture_of_16_bits_looks_like_the_same_of_8(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    np.testing.assert_array_equal(photos.read(tmp_path / "16.png"), photos.read(tmp_path / "8.png"))


def test_a_file_that_is_no_picture_and_one_without_a_white_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match=r"text\.png: .*no known format.; save it again"):
        photos.read(tmp_path / "text.png")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(UserError, match=r"float\.tiff: .*32 bits"):
        photos.read(tmp_path / "float.tiff")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")
def test_what_is_no_file_or_larger_than_any_photo_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may have 100 letters
    for path, said in odd_files.no_files(pathlib.Path("odd")).items():
        for ask in (photos.read, asking.read, lambda path: photos.square(path, 8)):
            with pytest.raises(UserError) as caught:
                ask(path)
            assert str(caught.value) == f"{path}: {said}; give the path of a photo"


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file here that breaks off")
def test_a_disk_that_fails_halfway_is_an_error_of_that_file():
    with pytest.raises(OSError) as caught:
        photos.read(pathlib.Path("/proc/self/mem"))
    assert caught.value.filename == "/proc/self/mem"


def test_nothing_is_run_to_draw_a_photo(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *args, **kwargs: pytest.fail("it was run"))
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(UserError, match=r"a\.jpg: .*EPS"):
        photos.read(tmp_path / "a.jpg")


def test_what_pillow_puts_up_with_is_no_line_and_what_it_does_not_has_a_remedy(tmp_path):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(30)  # of 65535 entries that are not there
    grain(20, 30).save(tmp_path / "noted.jpg", exif=exif)
    with warnings.catch_warnings(action="error"):
        assert photos.read(tmp_path / "noted.jpg").shape == (20, 30, 3)
    (tmp_path / "bomb.png").write_bytes(damaged.png(60000, 60000, b""))
    with pytest.raises(UserError, match=r"bomb\.png: far more pixels than a photo has; make it smaller"):
        photos.read(tmp_path / "bomb.png")
