"""Requests that a server answers before it reports itself ready, so that the first client does not wait.

`assets.extra/tf_serving_warmup_requests`: a TFRecord of PredictionLog, one for each signature, batch 1.
"""

import importlib.util
import io
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from dpt_tf import iuv
from dpt_tf.config import HParams
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.system.errors import UserError

FILE = "tf_serving_warmup_requests"


def refuse() -> None:
    """Says at once what would come to light after minutes.

    Raises:
      UserError: the messages of TensorFlow Serving, in which the requests are written, are not installed.
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise UserError("tensorflow-serving-api is not installed; an export needs it: pip install 'dpt_tf[export]'")


def write(folder: pathlib.Path, hparams: HParams, model_name: str) -> None:
    """Writes the requests into `folder`."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, inputs in requests(hparams).items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = model_name, signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def requests(hparams: HParams) -> dict[str, dict[str, np.ndarray]]:
    """Inputs for each signature, batch 1: a torso of both sides before a grey wall."""
    size, resolution = hparams.image_size, hparams.atlas_size
    photo, body = np.full((size, size, 3), 128, np.uint8), np.zeros((size, size, 3), np.uint8)
    ramp = np.linspace(0, 255, size // 2).astype(np.uint8)
    inside = slice(size // 4, size // 4 + size // 2)
    body[inside, inside, 0] = np.where(np.arange(size // 2) < size // 4, 1, 2)
    body[inside, inside, 1:] = np.stack(np.meshgrid(ramp, ramp), -1)
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    files = {"source_bytes": buffer.getvalue(), "source_iuv_bytes": iuv.encode(body)}
    files["target_iuv_bytes"] = files["source_iuv_bytes"]
    source: dict[str, np.ndarray] = {"source": photo[None].astype(np.float32) / 127.5 - 1, "source_iuv": body[None]}
    sheets = (1, NUM_PARTS, resolution, resolution)
    unwrapped: dict[str, np.ndarray] = {
        "texture": np.zeros((*sheets, 3), np.float32),
        "observed": np.zeros((*sheets, 1), np.uint8),
    }
    return {
        "serving_default": {name: np.array([data], object) for name, data in files.items()},
        "tensors": source | {"target_iuv": body[None]},
        "texture": source,
        "render": source | unwrapped | {"target_iuv": body[None]},
    }
