"""A SavedModel with the signatures of an export, a server for it, and requests that know their answers.

The picture is `source + 3 source_iuv + 5 target_iuv + 7 version`, modulo 256: each answer tells which request it is of
and which version gave it.
"""

import asyncio
import atexit
import contextlib
import functools
import io
import pathlib
import shutil
import socket
import tempfile
import threading
import urllib.request

import grpc
import numpy as np
import PIL.Image
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from serving.local_server import configs, serve, tensors

SERVING = pathlib.Path(__file__).resolve().parents[1] / "serving"

S = 32
NAMES = ("source", "source_iuv", "target_iuv")


class Toy(tf.Module):
    """`size` pixels a side; `version` is mixed into every picture."""

    def __init__(self, version: int, size: int = S):
        """Holds the version in a variable, as a model holds its weights."""
        self.version = tf.Variable(version, dtype=tf.int32)
        self.size = size

    def signatures(self) -> dict:
        """`serving_default` on files, `tensors` on arrays, `slow` to keep a server busy."""
        text = tf.TensorSpec([None], tf.string)
        plane = [None, self.size, self.size, 3]
        tensors = [tf.TensorSpec(plane, d, n) for d, n in zip((tf.float32, tf.uint8, tf.uint8), NAMES, strict=True)]
        return {
            "serving_default": tf.function(
                self.files, [tf.TensorSpec(text.shape, text.dtype, f"{name}_bytes") for name in NAMES]
            ),
            "tensors": tf.function(self.tensors, tensors),
            "slow": tf.function(self.slow, [tf.TensorSpec([None], tf.int32, "loops")]),
        }

    def files(self, source_bytes, source_iuv_bytes, target_iuv_bytes):
        """PNG in, PNG out."""

        def one(file):
            picture = tf.io.decode_png(file, channels=3)
            shape = [self.size, self.size, 3]
            tf.debugging.assert_equal(tf.shape(picture), shape, "a picture has the wrong size")
            return tf.ensure_shape(picture, shape)

        source, source_iuv, target_iuv = (
            tf.map_fn(one, files, fn_output_signature=tf.uint8)
            for files in (source_bytes, source_iuv_bytes, target_iuv_bytes)
        )
        tf.debugging.assert_less_equal(
            target_iuv[..., 0], tf.constant(24, tf.uint8), "a part of target_iuv is above 24"
        )
        return {"image_bytes": tf.map_fn(tf.io.encode_png, self.mix(source, source_iuv, target_iuv), tf.string)}

    def tensors(self, source, source_iuv, target_iuv):
        """Arrays in, arrays out."""
        colours = tf.cast(tf.round((source + 1) * 127.5), tf.uint8)
        image = tf.cast(self.mix(colours, source_iuv, target_iuv), tf.float32) / 127.5 - 1
        return {"image": image, "warped": source, "provenance": tf.reduce_mean(image, -1, keepdims=True)}

    def slow(self, loops):
        """Some 20 microseconds for each of the largest of `loops`."""
        square = tf.eye(64)
        for _ in tf.range(tf.reduce_max(loops)):
            square = tf.matmul(square, square)
        return {"loops": loops + tf.cast(tf.reduce_max(square) - 1, tf.int32)}

    def mix(self, source, source_iuv, target_iuv):
        """The law of the module's docstring, on uint8."""
        source, source_iuv, target_iuv = (tf.cast(x, tf.int32) for x in (source, source_iuv, target_iuv))
        return tf.cast((source + 3 * source_iuv + 5 * target_iuv + 7 * self.version) % 256, tf.uint8)


def save(base: pathlib.Path, version: int, size: int = S, warm_up: int = 1) -> None:
    """Writes `base/version` aside and renames it, as an export does."""
    toy, aside = Toy(version, size), base.parent / f"{base.name}-{version}-aside"
    tf.saved_model.save(toy, str(aside), signatures=toy.signatures())
    extra = aside / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        for seed in range(warm_up):
            log = prediction_log_pb2.PredictLog(request=files_request(pictures(seed, size=size)))
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
    base.mkdir(parents=True, exist_ok=True)
    aside.rename(base / str(version))


@functools.cache
def masters() -> pathlib.Path:
    """Versions 1 and 2, saved once for all tests."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    for version in (1, 2):
        save(pathlib.Path(folder.name) / "dpt", version)
    return pathlib.Path(folder.name) / "dpt"


def put(base: pathlib.Path, *versions: int) -> pathlib.Path:
    """Copies of the masters into `base`, each appearing at once."""
    base.mkdir(parents=True, exist_ok=True)
    for version in versions:
        aside = base.parent / f"{base.name}-{version}-aside"
        shutil.copytree(masters() / str(version), aside)
        aside.rename(base / str(version))
    return base


def pictures(seed: int, batch: int = 1, size: int = S) -> dict[str, np.ndarray]:
    """uint8 planes, different for each seed; parts are 0..24."""
    rng = np.random.default_rng(seed)
    planes = {name: rng.integers(0, 25, (batch, size, size, 3), dtype=np.uint8) for name in NAMES}
    planes["source"] = rng.integers(0, 256, planes["source"].shape, dtype=np.uint8)
    return planes


def expected(planes: dict[str, np.ndarray], version: int = 1) -> np.ndarray:
    """The picture that the toy paints."""
    source, source_iuv, target_iuv = (planes[name].astype(np.int32) for name in NAMES)
    return ((source + 3 * source_iuv + 5 * target_iuv + 7 * version) % 256).astype(np.uint8)


def png(plane: np.ndarray) -> bytes:
    """The file of one `[H, W, 3]` picture."""
    file = io.BytesIO()
    PIL.Image.fromarray(plane).save(file, "PNG")
    return file.getvalue()


def files_request(planes: dict[str, np.ndarray], **spec) -> predict_pb2.PredictRequest:
    """A request to `serving_default`."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "dpt"
    for name, batch in planes.items():
        request.inputs[f"{name}_bytes"].CopyFrom(tf.make_tensor_proto([png(plane) for plane in batch]))
    for key, value in spec.items():
        if key == "version":
            request.model_spec.version.value = value
        else:
            setattr(request.model_spec, key, value)
    return request


def tensors_request(planes: dict[str, np.ndarray]) -> predict_pb2.PredictRequest:
    """A request to `tensors`."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "dpt", "tensors"
    source = planes["source"].astype(np.float32) / 127.5 - 1
    for name, plane in {**planes, "source": source}.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(plane))
    return request


def slow_request(loops: int) -> predict_pb2.PredictRequest:
    """A request that takes some `loops / 50` milliseconds."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "dpt", "slow"
    request.inputs["loops"].CopyFrom(tf.make_tensor_proto([loops], tf.int32))
    return request


def encode(array: np.ndarray, as_content: bool) -> tensors.TensorProto:
    """The array as the server sends it, in the typed fields or as bytes."""
    return tensors.TensorProto.FromString(b"".join(tensors.pieces(array, as_content)))


def painted(response: predict_pb2.PredictResponse) -> np.ndarray:
    """The pictures of an answer to `serving_default`."""
    files = tf.make_ndarray(response.outputs["image_bytes"])
    return np.stack([np.asarray(PIL.Image.open(io.BytesIO(file))) for file in files])


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A server in a thread of this process, with stubs to ask it."""

    def __init__(self, options: serve.Options):
        """Starts, and returns when it is ready; raises what the start raises."""
        self.options = options
        self._ready, self._failure = threading.Event(), None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        self.channel = grpc.insecure_channel(f"127.0.0.1:{options.port}", [("grpc.max_receive_message_length", -1)])
        self.predict = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self.rest = f"http://127.0.0.1:{options.rest_port}"

    def _run(self) -> None:
        async def run():
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve.serve(self.options, self._stop, self._ready.set)

        try:
            asyncio.run(run())
        except Exception as failure:
            self._failure = failure
            self._ready.set()

    def stop(self) -> None:
        """Asks it to end."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    def join(self) -> None:
        """Waits for the end."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not end"


@contextlib.contextmanager
def running(base: pathlib.Path, **changes):
    """A server for the toys under `base`."""
    models = changes.pop("models", [configs.ModelConfig(name="dpt", base_path=str(base))])
    options = {"port": free_port(), "rest_port": free_port(), "poll_seconds": 0.2, "allow_new_labels": True, **changes}
    server = Running(serve.Options(models=models, **options))
    try:
        yield server
    finally:
        server.channel.close()
        server.stop()
        server.join()


def get(address: str) -> str:
    """The body of an HTTP GET."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode()
