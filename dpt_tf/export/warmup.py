"""Requests that a server answers before it reports itself ready, so that the first client does not wait.

`assets.extra/tf_serving_warmup_requests`: a TFRecord of PredictionLog, one for each signature, batch 1.
"""

import importlib.util
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

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
    """Inputs for each signature, batch 1: a torso of both sides before a grey wall, nothing seen of it yet."""
    photo, body = np.full((size, size, 3), 128, np.uint8), np.zeros((size, size, 3), np.uint8)
    ramp = np.linspace(0, 255, size // 2).astype(np.uint8)
    inside = slice(size // 4, size // 4 + size // 2)
    body[inside, inside, 0] = np.where(np.arange(size // 2) < size // 4, 1, 2)
    body[inside, inside, 1:] = np.stack(np.meshgrid(ramp, ramp), -1)
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")

    def value(spec: tf.TensorSpec) -> np.ndarray:
        if spec.dtype == tf.string:
            return np.array([buffer.getvalue() if spec.name == "source_bytes" else iuv.encode(body)], object)
        if spec.name == "source":
            return photo[None] if spec.dtype == tf.uint8 else photo[None].astype(np.float32) / 127.5 - 1
        if spec.name in ("source_iuv", "target_iuv"):
            return body[None]
        return np.zeros([1, *(length or size for length in spec.shape[1:])], spec.dtype.as_numpy_dtype)

    return {name: {spec.name: value(spec) for spec in inputs} for name, inputs in specs.items()}
