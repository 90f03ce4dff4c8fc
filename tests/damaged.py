"""More than 200 files that are no usable maps: cut short, altered, hostile, or something else; always the same."""

import io
import os
import pathlib
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

DUMPS = pathlib.Path(__file__).parent / "data" / "dumps"


def a_map(height=48, width=40) -> np.ndarray:
    """A torso below a head: uint8 `[H, W, 3]`."""
    made = np.zeros((height, width, 3), np.uint8)
    made[height // 3 :, 4:-4] = (2, 30, 90)
    made[height // 3 :, 4:-4, 1] = np.linspace(200, 40, width - 8)
    made[2 : height // 3, 12:-12] = (24, 100, 120)
    return made


def as_floats(made: np.ndarray) -> np.ndarray:
    return np.concatenate([made[..., :1], made[..., 1:] / 255], -1).astype(np.float32)


def picture(pixels: np.ndarray, form="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def array(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def header(shape: str, descr="'|u1'", body=b"\0" * 64) -> bytes:
    """A `.npy` file whose header claims what it likes."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + body


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, depth=8, colour=2, before=b"") -> bytes:
    """A PNG whose header claims what it likes."""
    size = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def archive(members: dict[str, bytes], compression=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return buffer.getvalue()


def members_of(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(DUMPS / name) as opened:
        return {member: opened.read(member) for member in opened.namelist()}


def changed(old: bytes, new: bytes, name="new_two_people.pkl", member="data.pkl") -> bytes:
    """A dump with its description altered and all checksums right."""
    members = members_of(name)
    path = next(path for path in members if path.endswith("/" + member))
    assert old in members[path], (old, members[path])
    return archive({**members, path: members[path].replace(old, new)})


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(mark: str) -> dict[str, bytes]:
    """Pickles that would make the file `mark`, or call something, in whatever is willing to run them."""
    import builtins
    import subprocess

    touch = f"open({mark!r}, 'w').close()"
    system = pickle.dumps(Calls(os.system, f"touch {mark}"), 2)
    evil = {
        "system": system,
        "eval": pickle.dumps([Calls(builtins.eval, touch)], 4),
        "exec": pickle.dumps({"file_name": Calls(builtins.exec, touch)}, 5),
        "popen": pickle.dumps(Calls(subprocess.Popen, ["touch", mark]), 3),
        "getattr": pickle.dumps(Calls(getattr, "a", "b"), 4),
        "import": pickle.dumps(Calls(__import__, "antigravity"), 4),
        "numpy": pickle.dumps([np.zeros(9)], 4),
        "hidden in a name": b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93.",
        "two lines": b"\x80\x02ctorch\nFloatStorage\nos\n.",
        "a name of many letters": b"\x80\x02c" + b"x" * 5000 + b"\nsystem\n.",
        "build on a list": b"\x80\x02]}b.",
        "call of a list": b"\x80\x02])R.",
        "call of a storage": b"\x80\x02ctorch\nFloatStorage\n)R.",
        "extension": b"\x80\x02\x82\x01.",
        "instance": b"\x80\x02(ios\nsystem\n.",
        "protocol 9": b"\x80\x09].",
    }
    stream = (DUMPS / "old.pkl").read_bytes()
    inner = stream.index(b"\x80\x02\x8a\nl\xfc")
    size = struct.unpack("<I", stream[inner - 4 : inner])[0]
    # The fourth pickle of a stream is its object.
    nested = stream[inner : inner + 137] + system + stream[inner + 137 : inner + size]
    evil["inside a storage"] = stream[: inner - 4] + struct.pack("<I", len(nested)) + nested + stream[inner + size :]
    evil["inside a stream"] = stream[inner : inner + 137] + system
    evil["first in a stream"] = stream[inner : inner + 15] + system
    evil["inside a zip"] = archive({"a/data.pkl": system, "a/byteorder": b"little"})
    return evil


# None, put into the memo at 2^28 - 1.
MEMO_OF_4_GIBIBYTES = b"\x80\x02Nr\xff\xff\xff\x0f."


def bombs() -> dict[str, bytes]:
    """Small files that claim to be, or become, large ones."""
    zeros = zlib.compress(b"\0" * (1 << 24), 9)
    deep = b"\x80\x02" + b"]" * 200_000
    return {
        "PNG of 2^31 pixels": png(1 << 16, 1 << 15, zeros),
        "PNG of 2^62 pixels": png((1 << 31) - 1, (1 << 31) - 1, zeros),
        "PNG just too large": png(8192, 4097, zeros),
        "PNG with a text of a gibibyte": png(
            9, 9, zeros, before=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26)))
        ),
        "PNG with two headers": png(
            9, 9, zeros, before=chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 15, 1 << 15, 8, 2, 0, 0, 0))
        ),
        "npy of 2^60 numbers": header("(1048576, 349525333333, 3)"),
        "npy of one row": header("(999999999999, 3, 3)"),
        "npy negative": header("(-4, -4, 3)"),
        "npy nothing by all": header("(0, 99999999999999, 3)"),
        "npy of many dimensions": header(f"({'1, ' * 300})"),
        "npy deep": header("(" * 9000 + ")" * 9000),
        "npy just too large": header("(8192, 4097, 3)"),
        "zip of one member that is compressed": archive({"a/data.pkl": bytes(1 << 26)}, zipfile.ZIP_DEFLATED),
        "zip of many members": archive({f"a/{number}": b"" for number in range(40_000)}),
        "memo of four gibibytes": MEMO_OF_4_GIBIBYTES,
        "memo at four billion": b"\x80\x02]r\xff\xff\xff\xff.",
        "memo in a zip": archive({"a/data.pkl": b"\x80\x02]r\xff\xff\xff\xff]r\xfe\xff\xff\xff."}),
        "text of four gibibytes": b"\x80\x02X\xff\xff\xff\xff.",
        "text of 2^63 bytes": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "bytes of 2^63": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "frame of 2^63": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "deep lists": deep + b"a" * 199_999 + b".",
        "deep tuples as a key": b"\x80\x02})" + b"\x85" * 300_000 + b"Ns.",
        "deep marks": b"\x80\x02" + b"(" * 300_000 + b"t" * 300_000 + b".",
        "seven million steps": b"\x80\x02]" + b"Na" * 3_500_000 + b".",
        "seven million objects": b"\x80\x02(" + b"}" * 7_000_000 + b"l.",
        "updates of updates": b"\x80\x02cdensepose.structures.chart_result\nDensePoseChartResult\n)\x81}("
        + b"".join(b"X\4\0\0\0" + b"%04d" % number + b"N" for number in range(9999))
        + b"uq\0bh\0b.",
        "a crowd in a thousand photos": b"\x80\x02](}q\1(X\x09\0\0\0file_nameX\1\0\0\0aX\x0e\0\0\0pred_densepose](}q\2"
        + b"h\2" * 90_000
        + b"eX\x0f\0\0\0pred_boxes_XYXYNu"
        + b"h\1" * 90_000
        + b"e.",
        "people that are numbers": changed(b"\x81", b"\x85"),
        "a person a million pixels high": changed(b"K\x0cK\x08", b"J\xff\xff\xff\x7fK\x08"),
    }


def cut() -> Iterator[tuple[str, bytes]]:
    """Good files cut short, at places spread over their length."""
    whole = {
        "png": picture(a_map()),
        "npy": array(a_map()),
        "float.npy": array(as_floats(a_map())),
        "zip.pkl": (DUMPS / "new_two_people.pkl").read_bytes(),
        "pickle.pkl": (DUMPS / "old.pkl").read_bytes(),
    }
    for name, data in whole.items():
        end = data.index(b"IDAT") + 100 if name == "png" else len(data) - 1
        for part in range(10):
            yield f"cut at {part} of 10.{name}", data[: 1 + (end - 1) * part // 9]


def flipped() -> Iterator[tuple[str, bytes]]:
    """Good files with a bit turned: in a zip wherever a checksum watches, elsewhere in what says how to read it."""
    random = np.random.default_rng(7)
    zipped = (DUMPS / "new_two_people.pkl").read_bytes()
    for number in range(20):
        data = bytearray(zipped)
        with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
            member = opened.infolist()[[0, 6, 9][number % 3]]  # the description, labels, the U and V of the larger one
        fields = zipped[member.header_offset : member.header_offset + 30]
        start = member.header_offset + 30 + sum(struct.unpack("<HH", fields[26:30]))
        data[start + random.integers(member.file_size)] ^= 1 << random.integers(8)
        yield f"flipped {number}.zip.pkl", bytes(data)
    for number in range(10):
        data = bytearray(picture(a_map()))
        data[random.integers(12, 29)] ^= 1 << random.integers(8)
        yield f"flipped {number}.png", bytes(data)
    for number in range(10):
        data = bytearray(array(a_map()))
        data[random.integers(6, 70)] ^= 1 << random.integers(7)
        yield f"flipped {number}.npy", bytes(data)


def wrong() -> dict[str, bytes]:
    """Whole files of the wrong kind, shape, type or values."""
    made, floats = a_map(), as_floats(a_map())
    nan, infinite = floats.copy(), floats.copy()
    nan[20, 20, 1], infinite[20, 20, 2] = np.nan, np.inf
    ramp = np.linspace(0, 1, 64)[None, :, None] * np.ones((64, 1, 1))
    fire = (np.clip(ramp * 3 - np.arange(3), 0, 1) * 255).astype(np.uint8)
    colours = np.random.default_rng(3).integers(0, 256, (25, 3))
    segments = colours[a_map()[..., 0]].astype(np.uint8)
    grey = np.full((48, 40, 3), 90, np.uint8)
    grey[a_map()[..., 0] > 0] = (253, 231, 37)
    blurred = np.asarray(Image.fromarray(made).resize((90, 110), Image.Resampling.BICUBIC))
    buffer = io.BytesIO(picture(np.kron(made, np.ones((2, 2, 1), np.uint8)), "JPEG", quality=95))
    jpeg = np.minimum(np.asarray(Image.open(buffer)), [24, 255, 255]).astype(np.uint8)
    npz = io.BytesIO()
    np.savez(npz, iuv=made)
    files = {
        "empty": b"",
        "one byte": b"\x89",
        "text": b"I am a text\n",
        "html": b"<html><body>404 Not Found</body></html>",
        "git lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "JPEG": picture(grey, "JPEG"),
        "GIF": picture(made, "GIF"),
        "BMP": picture(made, "BMP"),
        "TIFF": picture(made, "TIFF"),
        "WebP": picture(made, "WEBP", lossless=True),
        "PPM": picture(made, "PPM"),
        "npz": npz.getvalue(),
        "zip": archive({"readme.txt": b"hello"}),
        "zip of two dumps": archive({"a/data.pkl": b"\x80\x02].", "b/data.pkl": b"\x80\x02]."}),
        "empty zip": archive({}),
        "zip with an empty pickle": archive({"a/data.pkl": b""}),
        "tar": b"a.txt" + bytes(1019),
        "pickle of protocol 0": pickle.dumps([1, "a"], 0),
        "pickle of a number": pickle.dumps(3, 4),
        "pickle of numbers": pickle.dumps([1, 2], 4),
        "pickle of nothing": pickle.dumps([], 4),
        "pickle of empty dicts": pickle.dumps([{}], 4),
        "pickle of a photo without people": pickle.dumps([{"file_name": "a.jpg", "pred_densepose": []}], 4),
        "pickle of a set": pickle.dumps({1, 2}, 4),
        "visualisation, hot": picture(fire),
        "visualisation, fire without blue": picture(fire * np.uint8([1, 1, 0])),
        "visualisation, little blue": picture(
            np.maximum(fire * np.uint8([1, 1, 0]), np.uint8([0, 0, 1]) * (ramp > 0.7))
        ),
        "visualisation, segments": picture(segments),
        "visualisation on grey": picture(grey),
        "grey": picture(np.full((9, 9, 3), 7, np.uint8)),
        "black": picture(np.zeros((9, 9, 3), np.uint8)),
        "one channel": picture(made[..., 0]),
        "two channels": picture(made[..., :2], "PNG"),
        "mask": picture(made[..., 0] > 0),
        "transparent": picture(np.dstack([made, made[..., :1]])),
        "atlas": picture(np.random.default_rng(1).integers(0, 256, (80, 120, 3)).astype(np.uint8)),
        "blurred": picture(blurred),
        "from JPEG": picture(jpeg),
        "16 bits": png(4, 4, zlib.compress(bytes(4 * 25)), depth=16),
        "no pixel": png(0, 0, zlib.compress(b"")),
        "no width": png(0, 9, zlib.compress(bytes(9))),
        "no data": png(9, 9, b""),
        "colour type 5": png(9, 9, zlib.compress(bytes(9 * 28)), colour=5),
        "palette without one": png(9, 9, zlib.compress(bytes(90)), colour=3),
        "U and V": array(floats[..., 1:].transpose(2, 0, 1)),
        "flat": array(np.zeros(12)),
        "a number": array(np.array(3)),
        "four channels": array(np.zeros((5, 5, 4), np.uint8)),
        "four dimensions": array(np.zeros((2, 3, 5, 5), np.uint8)),
        "no pixels": array(np.zeros((0, 5, 3), np.uint8)),
        "nothing": array(np.zeros((5, 5, 3), np.uint8)),
        "no floats": array(np.zeros((5, 5, 3), np.float32)),
        "texts": array(np.array([["a"]])),
        "complex": array(floats.astype(np.complex64)),
        "truths": array(made > 0),
        "dates": array(made.astype("M8[s]")),
        "records": array(np.zeros((4, 4, 3), [("a", "u1")])),
        "objects": header("(1,)", "'|O'", pickle.dumps([1])),
        "NaN": array(nan),
        "infinity": array(infinite),
        "float16 NaN": array(nan.astype(np.float16)),
        "a part 25": array(floats + np.float32([1, 0, 0])),
        "halves": array(floats * np.float32([0.5, 1, 1]) + np.float32([0.25, 0, 0])),
        "a part below 0": array(floats - np.float32([1, 0, 0])),
        "U beyond 1": array(floats * np.float32([1, 4, 1])),
        "beyond 255": array(made.astype(np.int32) * 9),
        "below 0": array(made.astype(np.int64) - 1),
        "jumps everywhere": picture(
            np.dstack([np.full((400, 400), 2), *[np.indices((400, 400)).max(0) % 2 * 255] * 2]).astype(np.uint8)
        ),
        "noise": array(np.random.default_rng(2).integers(0, 256, (40, 40, 3)).astype(np.uint8)),
        "noise of parts": array(np.random.default_rng(2).integers(0, 25, (40, 40, 3)).astype(np.uint8)),
        "version 9": b"\x93NUMPY\x09\0" + bytes(90),
        "no keys": b"\x93NUMPY\1\0\x03\0{}\n",
        "a call": b"\x93NUMPY\1\0\x13\0__import__('os').a\n",
        "a warning": header("(1 is 1, 3)"),
        "CSE": changed(
            b"densepose.structures.chart_result\nDensePoseChartResultWithConfidences",
            b"densepose.structures.cse\nDensePoseEmbeddingPredictorOutput",
        ),
        "CSE, plain": b"\x80\x04\x8c\x18densepose.structures.cse\x8c\x21DensePoseEmbeddingPredictorOutput\x93.",
        "results of 2019": b"\x80\x02cdensepose.structures\nDensePoseResult\n.",
        "other key": changed(b"pred_boxes_XYXY", b"pred_boxes_XYWH"),
        "no labels": changed(b"labels", b"labelz"),
        "no uv": changed(b"\x02\0\0\0uv", b"\x02\0\0\0vu"),
        "missing numbers": archive(
            {name: data for name, data in members_of("new_two_people.pkl").items() if "/data/" not in name}
        ),
        "middle-endian": changed(b"little", b"middle", member="byteorder"),
        "big-endian labels": changed(b"little", b"big", member="byteorder"),
        "uv as integers": changed(b"FloatStorage", b"IntStorage"),
        "labels as floats": changed(b"LongStorage", b"DoubleStorage"),
        "negative stride": changed(b"K\x08K\x01\x86", b"K\x08J\xff\xff\xff\xff\x86"),
        "long stride": changed(b"K\x08K\x01\x86", b"K\x7fK\x01\x86"),
        "shorter storage": changed(b"K\x60", b"K\x5f"),
    }
    return files


def make(folder: pathlib.Path, mark: str) -> list[pathlib.Path]:
    """Writes them all; `mark` is the file that hostile ones would make."""
    files = {**wrong(), **bombs(), **hostile(mark), **dict(cut()), **dict(flipped())}
    random = np.random.default_rng(5)
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY", b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"\xff\xd8\xff"):
        for number in range(2):
            files[f"random {number} after {start.hex()}"] = start + random.bytes(400 + 3000 * number)
    paths = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / f"{number:03d} {name.replace('/', ' ')}"
        path.write_bytes(data)
        paths.append(path)
    return paths
