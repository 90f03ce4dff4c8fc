"""Encoded pictures in a graph: bytes `[B]` -> pixels, each S x S, or, where S is None, all of one size; or a refusal.

The header is read before the picture is decoded, so that a small file which claims a million pixels costs nothing. A
photo becomes what `images.photos.read` makes of it, but for a JPEG's note of how the camera was turned, which is not
read. What a file's end does not give away (damage in its middle) the decoder refuses, in words of its own.
"""

from collections.abc import Callable

import tensorflow as tf

from dpt_tf.export import checks, maps
from dpt_tf.models.composition import LARGEST
from dpt_tf.ops import picture_files

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SHORTEST_PNG = 57  # signature, IHDR, an IDAT of nothing, IEND

Decoder = Callable[[str, tf.Tensor], tf.Tensor]


def read_photos(name: str, encoded: tf.Tensor, size: int | None) -> tf.Tensor:
    """Strings `[B]` of PNG or JPEG -> uint8 `[B, S, S, 3]`; what is transparent lies on white."""

    def measure(called, data):
        data = _known_photo(called, data)
        return tf.cond(
            _begins(data, _PNG),
            lambda: tf.stack(_png_header(called, data, size)[3:]),
            lambda: tf.io.extract_jpeg_shape(data)[:2],
        )

    def decode(called, data):
        return read_photo(called, data, size)

    return _each(name, _alike(name, encoded, measure, size), decode, [size, size, 3])


def read_photo(called: tf.Tensor, data: tf.Tensor, size: int | None) -> tf.Tensor:
    """A string of PNG or JPEG -> uint8 `[S, S, 3]`; `called` is what a refusal calls it."""
    data = _known_photo(called, data)
    return tf.cond(_begins(data, _PNG), lambda: _png_photo(called, data, size), lambda: _jpeg_photo(called, data, size))


def read_maps(name: str, encoded: tf.Tensor, size: int | None) -> tf.Tensor:
    """Strings `[B]` of PNG -> uint8 `[B, S, S, 3]` (I, U, V)."""

    def known(called, data):
        words = (called, " is not a PNG (", tf.strings.length(data), " bytes); a map should be one")
        return checks.after([checks.refuse(~_begins(data, _PNG), *words)], data)

    def measure(called, data):
        return tf.stack(_png_header(called, known(called, data), size)[3:])

    def decode(called, data):
        data, depth, colour, _, _ = _png_header(called, known(called, data), size)
        plain = [
            checks.refuse(depth > 8, called, " has ", depth, " bits a channel; it should have 8"),
            checks.refuse(
                tf.equal(colour & 3, 0),
                *(
                    called,
                    " has one channel (a mask or a segmentation); it should have three: I, U and V",
                ),
            ),
        ]
        pixels = tf.ensure_shape(tf.io.decode_png(checks.after(plain, data), channels=4), [size, size, 4])
        solid = checks.refuse(
            tf.reduce_min(pixels[..., 3]) < 255, called, " has transparent pixels; it should have none"
        )
        return checks.after([solid], pixels[..., :3])

    return maps.read(name, _each(name, _alike(name, encoded, measure, size), decode, [size, size, 3]))


def write_pictures(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 `[B, H, W, 3]` -> PNG strings `[B]`."""
    return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.TensorSpec([], tf.string))


def _alike(name: str, encoded: tf.Tensor, measure: Decoder, size: int | None) -> tf.Tensor:
    """The strings once all their pictures are of one size, where none is prescribed."""
    if size is not None:
        return encoded
    sizes = _each(name, encoded, measure, [2], tf.int32)
    differ = checks.refuse_any(
        tf.reduce_any(tf.not_equal(sizes, sizes[:1]), -1),
        name,
        lambda i: [
            *("is ", sizes[i, 1], " x ", sizes[i, 0], f" pixels and {name}[0] ", sizes[0, 1], " x ", sizes[0, 0]),
            "; within one request they should be of one size",
        ],
    )
    return checks.after([differ], encoded)


def _each(
    name: str, encoded: tf.Tensor, decode: Decoder, shape: list[int | None], dtype: tf.DType = tf.uint8
) -> tf.Tensor:
    """`decode(what to call it, bytes)` of each string; its nodes bear the input's name, which errors show."""

    def decode_one(numbered):
        number, data = numbered
        return decode(checks.sentence(name, "[", number, "]"), data)

    with tf.name_scope(name):
        numbers = tf.range(tf.shape(encoded)[0])
        return tf.map_fn(decode_one, (numbers, encoded), fn_output_signature=tf.TensorSpec(shape, dtype))


def _known_photo(called: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    neither = checks.refuse(
        ~(_begins(data, _PNG) | _begins(data, _JPEG)),
        *(called, " is neither a PNG nor a JPEG (", tf.strings.length(data), " bytes); it should be one of them"),
    )
    return checks.after([neither], data)


def _begins(data: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(data, 0, len(signature)), signature)


def _png_header(called: tf.Tensor, data: tf.Tensor, size: int | None) -> tuple[tf.Tensor, ...]:
    """A whole PNG of the right size -> (its bytes, bits a channel, kind of colour, height, width)."""
    length = tf.strings.length(data)
    cut_short = (length < _SHORTEST_PNG) | ~tf.strings.regex_full_match(data, r"\C*IEND\C*")
    whole = checks.refuse(cut_short, called, " is a PNG cut short (", length, " bytes); it should be the whole file")
    fields = tf.io.decode_raw(tf.strings.substr(checks.after([whole], data), 16, 10), tf.uint8)  # [10]
    numbers = tf.cast(fields, tf.int32)
    width, height = (tf.tensordot(numbers[start : start + 4], [1 << 24, 1 << 16, 1 << 8, 1], 1) for start in (0, 4))
    return checks.after([_refuse_size(called, height, width, size)], data), numbers[8], numbers[9], height, width


def _png_photo(called: tf.Tensor, data: tf.Tensor, size: int | None) -> tf.Tensor:
    data, *_ = _png_header(called, data, size)
    pixels = tf.cast(tf.ensure_shape(tf.io.decode_png(data, channels=4), [size, size, 4]), tf.int32)
    colour, opacity = pixels[..., :3], pixels[..., 3:]
    return tf.cast((colour * opacity + 255 * (255 - opacity) + 127) // 255, tf.uint8)


def _jpeg_photo(called: tf.Tensor, data: tf.Tensor, size: int | None) -> tf.Tensor:
    shape = tf.io.extract_jpeg_shape(data)
    data = checks.after([_refuse_size(called, shape[0], shape[1], size)], data)
    return tf.ensure_shape(picture_files.decode(data), [size, size, 3])


def _refuse_size(called: tf.Tensor, height: tf.Tensor, width: tf.Tensor, size: int | None) -> tf.Operation:
    if size is None:
        words = [" is ", width, " x ", height, f" pixels; the longer side should be {LARGEST} at most: reduce it first"]
        return checks.refuse((tf.maximum(height, width) > LARGEST) | (tf.minimum(height, width) < 1), called, *words)
    wrong = tf.not_equal(height, size) | tf.not_equal(width, size)
    words = [" is ", width, " x ", height, f" pixels; it should be {size} x {size}, what the networks were trained on"]
    return checks.refuse(wrong, called, *words)
