"""DensePose R-CNNs of a few channels, the formula of the kept answers' weights, and files that hold them."""

import io
import pickle
import zipfile
import zlib

import numpy as np

from dpt_tf.densepose.rcnn.architecture import Architecture

TINY = Architecture((1, 1, 1, 1), stem=4, pyramid=8, hidden=16, head=8)
TINY_DL = Architecture((1, 2, 1, 1), deeplab=True, stem=4, pyramid=32, hidden=16, head=32)


def formula(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of `../shared/densepose`, as its README says."""
    n = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype="float32")
    tenth = np.float32(0.1)
    if name.endswith("running_var"):
        return 1 + tenth * abs(n)
    if name.endswith("running_mean"):
        return tenth * n
    if "norm.weight" in name or (name.endswith("weight") and len(shape) == 1):
        return np.float32(0.25 if ".conv3.norm" in name else 1.0) * (1 + tenth * n)
    if name.endswith("bias"):
        return tenth * n
    gains = {"anchor_deltas": 0.05, "objectness_logits": 1.0, "bbox_pred": 0.3, "cls_score": 2.0}
    gain = next((value for part, value in gains.items() if part in name), 2**0.5)
    gain = 0.02 if name == "backbone.bottom_up.stem.conv1.weight" else gain
    gain = 1.0 if "backbone.fpn" in name or "decoder" in name else gain
    fan_in = shape[0] * 4 if "_lowres" in name else np.prod(shape[1:])
    return n * np.float32(gain / fan_in**0.5)


def weights(architecture: Architecture = TINY) -> dict[str, np.ndarray]:
    return {name: formula(name, shape) for name, shape in architecture.tensors().items()}


def pickled(model: dict[str, np.ndarray], protocol: int = 2) -> bytes:
    """A published file."""
    return pickle.dumps({"model": model, "__author__": "Detectron2 Model Zoo"}, protocol)


def by_python_2(model: dict[str, np.ndarray]) -> bytes:
    """The same as Python 2 writes it, instruction by instruction: its strings are bytes."""

    def string(data: bytes) -> bytes:
        if len(data) < 256:
            return b"U" + bytes([len(data)]) + data
        return b"T" + len(data).to_bytes(4, "little") + data

    def integer(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    out = b"\x80\x02}q\x00(" + string(b"__author__") + string(b"Caffe2") + string(b"model")
    out += b"ccollections\nOrderedDict\n](" if model else b""
    for name, array in model.items():
        dtype = b"cnumpy\ndtype\n" + string(array.dtype.str[1:].encode()) + integer(0) + integer(1) + b"\x87R"
        dtype += b"(" + integer(3) + string(b"<") + b"NNN" + integer(-1) * 2 + integer(0) + b"tb"
        shape = b"(" + b"".join(map(integer, array.shape)) + b"t"
        made = (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + integer(0) + b"\x85" + string(b"b") + b"\x87R"
        )
        made += b"(" + integer(1) + shape + dtype + b"\x89" + string(array.tobytes()) + b"tb"
        out += b"](" + string(name.encode()) + made + b"e"
    return out + b"e\x85Ru."


def torch_zip(model: dict[str, np.ndarray], half: bool = False) -> bytes:
    """A checkpoint as `torch.save` writes it, by instructions: an OrderedDict with attributes, and an optimizer."""

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def integer(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    def whole(numbers) -> bytes:
        return b"(" + b"".join(map(integer, numbers)) + b"t"

    ordered = b"ccollections\nOrderedDict\n)R"
    kind = b"ctorch\nHalfStorage\n" if half else b"ctorch\nFloatStorage\n"
    out, storages = b"\x80\x02}(" + text("model") + ordered + b"(", []
    for key, (name, array) in enumerate(model.items()):
        array = np.ascontiguousarray(array, np.float16 if half else np.float32)
        strides = [stride // array.itemsize for stride in array.strides]
        out += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + kind + text(str(key))
        out += text("cpu") + integer(array.size) + b"tQ" + integer(0) + whole(array.shape) + whole(strides)
        out += b"\x89" + ordered + b"tR"
        storages.append(array.tobytes())
    out += b"u}" + text("_metadata") + ordered + b"sb"
    out += text("iteration") + integer(9) + text("optimizer") + b"}(" + integer(0) + b"}" + integer(1) + b"]u"
    out += text("scheduler") + b"ccollections\nCounter\n}" + integer(3) + integer(1) + b"s\x85Ru."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model_final/data.pkl", out)
        archive.writestr("model_final/byteorder", b"little")
        for key, data in enumerate(storages):
            archive.writestr(f"model_final/data/{key}", data)
    return buffer.getvalue()
