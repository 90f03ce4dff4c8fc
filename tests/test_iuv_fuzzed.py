"""Whatever bytes are given to the readers of maps and dumps, they read a map or say why it is none."""

import pickle
import struct
import zlib

import damaged
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpt_tf import iuv
from serving.client import BadInput, maps

QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
LONG = settings(QUICK, max_examples=4000, derandomize=False)

WHOLE = {
    "PNG": damaged.picture(damaged.a_map()),
    "npy": damaged.array(damaged.a_map()),
    "npy of floats": damaged.array(damaged.as_floats(damaged.a_map())),
    "dump, a zip": (damaged.DUMPS / "new_two_people.pkl").read_bytes(),
    "dump, a stream": (damaged.DUMPS / "old.pkl").read_bytes(),
}
SIGNATURES = (b"", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\1\0", b"PK\3\4", b"\x80\2", b"\x80\4", b"\xff\xd8\xff")


@st.composite
def altered(draw):
    """A good file with some pieces replaced, left out, doubled, or its end cut off."""
    data = bytearray(WHOLE[draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        end = min(start + draw(st.integers(0, 16)), len(data))
        data[start:end] = draw(st.binary(max_size=16) | st.just(bytes(data[start:end]) * 2))
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@st.composite
def pictures(draw):
    """PNGs whose checksums are right and whose headers and pixels are anything."""
    width, height = draw(st.integers(0, 40) | st.integers(0, 1 << 31)), draw(st.integers(0, 40))
    rows = draw(st.binary(max_size=400)) or bytes(height * (1 + 3 * min(width, 40)))
    depth, colour = draw(st.sampled_from([1, 2, 4, 8, 16])), draw(st.integers(0, 6))
    extra = draw(st.sampled_from([b"", b"tRNS", b"PLTE", b"zTXt", b"eXIf", b"acTL"]))
    before = damaged.chunk(extra, draw(st.binary(max_size=60))) if extra else b""
    return damaged.png(width, height, zlib.compress(rows), depth, colour, before)


@st.composite
def arrays(draw):
    """`.npy` files whose headers say anything."""
    value = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), st.lists, max_leaves=6)
    shape = draw(st.tuples(*[st.integers(-2, 60)] * draw(st.integers(0, 5))) | value)
    kinds = ["|u1", "<f4", ">f8", "<i8", "|O", "<U9", "|b1", "<c16", "<M8[s]", "|V3", "<f2"]
    facts = {
        "descr": draw(st.sampled_from(kinds) | value),
        "fortran_order": draw(st.booleans() | value),
        "shape": shape,
    }
    text = repr(facts).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text) & 0xFFFF) + text + draw(st.binary(max_size=300))


@st.composite
def pickles(draw):
    """Pickles of what looks like a dump and is none."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
    value = st.recursive(leaf, lambda of: st.lists(of, max_size=3) | st.tuples(of, of), max_leaves=5)
    keys = st.sampled_from(["file_name", "scores", "pred_boxes_XYXY", "pred_densepose", "labels", "uv"])
    photo = st.dictionaries(keys, value, max_size=6)
    return pickle.dumps(draw(st.lists(photo, max_size=3) | value), draw(st.sampled_from([2, 3, 4, 5])))


ANYTHING = st.one_of(
    altered(), pictures(), arrays(), pickles(), st.builds(bytes.__add__, st.sampled_from(SIGNATURES), st.binary())
)


def read_or_refuse(data: bytes, folder) -> None:
    try:
        made = iuv.decode(data, "fuzzed").iuv
        assert made.dtype == np.uint8 and made.ndim == 3 and made[..., 0].any() and made[..., 0].max() <= iuv.NUM_PARTS
    except iuv.NotIUV as error:
        assert str(error).startswith("fuzzed: ") and str(error).isprintable()
    path = folder / "fuzzed"
    path.write_bytes(data)
    try:
        made = maps.read(path)
        assert made.dtype == np.uint8 and made[..., 0].any() and made[..., 0].max() <= iuv.NUM_PARTS
    except BadInput as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


def test_what_pillow_puts_up_with_in_a_map_is_no_line(recwarn):
    data, end = WHOLE["PNG"], 33  # after the header
    animated = damaged.chunk(b"acTL", bytes(8))  # of no frames, which is an animation for nobody
    assert iuv.decode(data[:end] + animated + data[end:], "a").iuv.any()
    assert not list(recwarn)


def test_any_bytes_are_a_map_or_a_line(tmp_path):
    QUICK(given(ANYTHING)(lambda data: read_or_refuse(data, tmp_path)))()


@pytest.mark.slow
def test_any_bytes_are_a_map_or_a_line_for_minutes(tmp_path):
    LONG(given(ANYTHING)(lambda data: read_or_refuse(data, tmp_path)))()
