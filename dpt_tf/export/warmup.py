"""Requests that a server answers before it reports itself ready, so that the first client does not wait.

`assets.extra/tf_serving_warmup_requests`: a TFRecord of PredictionLog, one for each signature, batch 1.
"""

import importlib.util
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from dpt_tf import iuv
from dpt_tf.system.errors import UserError

FILE = "tf_serving_warmup_requests"


def refuse() -> None:
    """Says at once what would come to light after minutes.

    Raises:
      UserError: the messages of TensorFlow Serving, in which the requests are written, are not installed.
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise UserError("tensorflow-serving-api is not installed; an export needs it: pip install 'dpt_tf[export]'")


def write(folder: pathlib.Path, specs: Mapping[str, Sequence[tf.TensorSpec]], size: int, model_name: str) -> None:
    """Writes the requests for signatures with these inputs into `folder`; pictures are of `size` pixels."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, inputs in requests(specs, size).items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = model_name, signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def requests(specs: Mapping[str, Sequence[tf.TensorSpec]], size: int) -> dict[str, dict[str, np.ndarray]]:
    """Inputs for each signature, batch 1: a torso of both sides before a grey wall, nothing seen of it yet.

    Where there is no map beside a photo it is `figure`, which a network has to find.
    """
    photo, body = np.full((size, size, 3), 128, np.uint8), np.zeros((size, size, 3), np.uint8)
    ramp = np.linspace(0, 255, size // 2).astype(np.uint8)
    inside = slice(size // 4, size // 4 + size // 2)
    body[inside, inside, 0] = np.where(np.arange(size // 2) < size // 4, 1, 2)
    body[inside, inside, 1:] = np.stack(np.meshgrid(ramp, ramp), -1)
    files = {"source_bytes": _encoded(photo)} | dict.fromkeys(("photo_bytes", "target_bytes"), figure())

    def value(spec: tf.TensorSpec) -> np.ndarray:
        if spec.dtype == tf.string:
            return np.array([files.get(spec.name, iuv.encode(body))], object)
        if spec.name == "source":
            return photo[None] if spec.dtype == tf.uint8 else photo[None].astype(np.float32) / 127.5 - 1
        if spec.name in ("source_iuv", "target_iuv"):
            return body[None]
        return np.zeros([1, *(length or size for length in spec.shape[1:])], spec.dtype.as_numpy_dtype)

    made = {name: {spec.name: value(spec) for spec in inputs} for name, inputs in specs.items()}
    if "photos" in made:
        made["photos"] = dict.fromkeys(made["photos"], np.array([figure()], object))
    return made


def figure() -> bytes:
    """The file of a photo of a figure in shirt and trousers, as a child draws it."""
    picture = Image.new("RGB", (192, 256), (205, 205, 200))
    draw, skin, shirt, trousers = ImageDraw.Draw(picture), (224, 172, 138), (40, 84, 160), (52, 50, 58)
    for x, outwards in ((80, -1), (112, 1)):
        draw.line([(x + 2 * outwards, 76), (x + 16 * outwards, 142)], skin, 13)
        draw.line([(x, 74), (x + 6 * outwards, 106)], shirt, 17)
        draw.line([(x + outwards, 136), (x + 2 * outwards, 236)], trousers, 22)
        draw.ellipse([x - 12 + 4 * outwards, 230, x + 12 + 4 * outwards, 244], (30, 24, 22))
    draw.rounded_rectangle([72, 62, 120, 144], 12, shirt)
    draw.rectangle([89, 50, 103, 66], skin)
    draw.ellipse([78, 14, 114, 52], (64, 42, 28))
    draw.ellipse([81, 20, 111, 58], skin)
    for x in (90, 102):
        draw.ellipse([x - 2, 34, x + 2, 38], (40, 30, 30))
    draw.line([(91, 48), (101, 48)], (150, 70, 70), 2)
    return _encoded(np.asarray(picture))


def _encoded(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
