"""One file, one picture: training, truths, ready pictures and the export see the same pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageFilter

from dpt_tf import config, iuv
from dpt_tf.data import read, records
from dpt_tf.export import reading
from dpt_tf.images import photos
from dpt_tf.ops import picture_files

JPEGS = {
    "4:4:4": {"quality": 95, "subsampling": 0},
    "4:2:2": {"quality": 85, "subsampling": 1},
    "4:2:0": {"quality": 75, "subsampling": 2},
    "coarse": {"quality": 30, "subsampling": 2},
    "progressive": {"quality": 90, "subsampling": 2, "progressive": True},
    "optimised": {"quality": 60, "subsampling": 1, "optimize": True},
}


def grain(height: int, width: int, mode: str = "RGB") -> Image.Image:
    """Noise, half of it smoothed: edges, strong colours and calm areas."""
    noise = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    picture = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))
    picture.paste(Image.fromarray(noise[: height // 2]), (0, 0))
    return picture.convert(mode)


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def by_pil(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"))


def by_the_export(data: bytes, size: int) -> np.ndarray:
    return reading.read_photos("photo", tf.constant([data]), size)[0].numpy()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("shape", [(64, 64), (65, 47), (33, 128)])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_has_the_pixels_that_pil_gives_it(kind, shape, mode):
    data = encoded(grain(*shape, mode), "JPEG", **JPEGS[kind])
    np.testing.assert_array_equal(picture_files.decode(tf.constant(data)), by_pil(data))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1"])
def test_a_png_has_the_pixels_that_pil_gives_it(mode):
    data = encoded(grain(33, 47, mode), "PNG")
    np.testing.assert_array_equal(picture_files.decode(tf.constant(data)), by_pil(data))


def test_of_a_grey_png_of_16_bits_the_high_byte_counts():
    values = np.random.default_rng(0).integers(0, 1 << 16, (9, 11)).astype(np.uint16)
    decoded = picture_files.decode(tf.constant(encoded(Image.fromarray(values), "PNG"))).numpy()
    np.testing.assert_array_equal(decoded, np.repeat((values >> 8)[..., None], 3, -1))


def stored_as(files: list[bytes], size: int, folder) -> records.Prepared:
    """A data set of one person whose views are these files as they are."""
    coordinates = np.zeros((size, size, 3), np.uint8)
    coordinates[4:12, 4:12] = (1, 2, 3)
    views: list[records.View] = [
        {
            "name": str(number),
            "image": data,
            "iuv": iuv.encode(coordinates),
            "keypoints": records.no_keypoints(),
            "held_out": False,
        }
        for number, data in enumerate(files)
    ]
    items: list[records.Item] = [{"id": "a", "views": views}]
    return records.write(folder, "toy", {"train": items, "test": items}, size, "toy")


def agree(files: list[bytes], size: int, folder) -> None:
    """Every reader has PIL's pixels of every file."""
    wanted = []
    for number, data in enumerate(files):
        path = folder / f"{number}.jpg"
        path.write_bytes(data)
        assert photos.square(path, size)[0] == data, "a file of the right size is stored as it is"
        wanted.append(by_pil(data))
        np.testing.assert_array_equal(photos.read(path), wanted[-1])
        np.testing.assert_array_equal(by_the_export(data, size), wanted[-1])
    prepared = stored_as(files, size, folder).directory
    hparams = config.preset("small").replace(image_size=size, batch_size=len(files), augment=0, matte_weight=0)
    truths = 0
    for inputs, target, names in read.eval_pairs(prepared, hparams, scaled=False).as_numpy_iterator():
        for source, picture, name, other in zip(
            inputs["source"], target, names["target"], names["source"], strict=True
        ):
            np.testing.assert_array_equal(picture, wanted[int(name)])
            np.testing.assert_array_equal(source, wanted[int(other)])
            truths += 1
    assert truths == len(files) * (len(files) - 1)
    scaled = {(picture.astype(np.float32) / 127.5 - 1).tobytes() for picture in wanted}
    for stage in ("inpainting", "joint"):
        batches = read.train_batches(prepared, hparams, stage).take(read.steps_per_epoch(prepared, hparams, stage))
        assert {
            picture.tobytes() for inputs, _ in batches.as_numpy_iterator() for picture in inputs["source"]
        } == scaled


def test_every_reader_sees_the_same_pixels(tmp_path):
    files = [encoded(grain(48, 48), "JPEG", **options) for options in JPEGS.values()]
    agree([*files, encoded(grain(48, 48), "PNG")], 48, tmp_path)


def test_every_reader_sees_the_same_pixels_of_real_photos(realdata, tmp_path):
    paths = [path for path in (realdata / "photos").iterdir() if path.suffix in (".jpg", ".jpeg")]
    square = []
    for path in paths:
        data = path.read_bytes()
        np.testing.assert_array_equal(picture_files.decode(tf.constant(data)), by_pil(data))
        height, width = by_pil(data).shape[:2]
        if height == width == 256:
            square.append(data)
        else:
            square.append(photos.square(path, 256)[0])
    assert len(square) > 3
    agree(square, 256, tmp_path)
