"""What `serving.py` measures with: exports of random weights, a server in a process of its own, requests, clients.

A request is made from a seed: a photo of noise, and a body of two parts that lies, and is turned, by the seed. So every
answer tells whose it is.
"""

import io
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import grpc
import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from dpt_tf import config, export, iuv
from dpt_tf.export import signatures, warmup
from dpt_tf.ops import device
from dpt_tf.training import networks

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from serving.local_server import memory

# As the server does, so that 20 MB are as quick to take here as there. The bare call is no faster or slower for it.
memory.keep_freed_blocks()
SERVING = pathlib.Path(__file__).resolve().parents[1] / "serving"
ANY = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]
Arrays = dict[str, np.ndarray]


def save(preset: str, base: pathlib.Path, version: int, seed: int = 0) -> None:
    """Writes `base/version`: a generator of the preset's sizes whose weights come from the seed."""
    keras.utils.set_random_seed(seed)
    hparams, aside = config.preset(preset), base.parent / f"{base.name}-{version}-aside"
    specs = export.save(networks.generator_of(hparams), hparams, aside, device.device())
    (aside / export.EXTRA).mkdir()
    hparams.save(aside / export.EXTRA / "hparams.json")
    warmup.write(aside / export.EXTRA, specs, hparams.image_size, export.MODEL_NAME)
    base.mkdir(parents=True, exist_ok=True)
    aside.rename(base / str(version))


class Bare:
    """A version called in this process, as `signature(**tensors)`."""

    def __init__(self, folder: pathlib.Path):
        """Loads it; the first call of a signature optimises its graph and takes longer."""
        self._loaded = tf.saved_model.load(str(folder))
        self.hparams = config.load(folder / export.EXTRA / "hparams.json")

    def __call__(self, signature: str, inputs: Mapping[str, tf.Tensor]) -> Arrays:
        """From tensors to arrays."""
        return {name: value.numpy() for name, value in self._loaded.signatures[signature](**inputs).items()}

    def inputs(self, signature: str, seed: int) -> Arrays:
        """The seed's inputs, batch 1."""
        photo, bodies = picture(self.hparams.image_size, seed)
        x = {"source": photo[None].astype(np.float32) / 127.5 - 1}
        x |= {"source_iuv": bodies[0][None], "target_iuv": bodies[1][None]}
        if signature == "serving_default":
            files = {"source": png(photo), "source_iuv": iuv.encode(bodies[0]), "target_iuv": iuv.encode(bodies[1])}
            return {f"{name}_bytes": np.array([file], object) for name, file in files.items()}
        if signature == "tensors":
            return x
        target = x.pop("target_iuv")
        if self.hparams.blending == "layers":  # which takes the photo's own bytes
            x["source"] = photo[None]
        return x if signature == "texture" else {**self("texture", tensors(x)), "target_iuv": target}


def picture(size: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A photo and two maps, `[S, S, 3]` uint8."""
    rng, bodies = np.random.default_rng(seed), []
    cells = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for _ in range(2):
        body, length = np.zeros((size, size, 3), np.uint8), size // 2
        top, left = rng.integers(0, size - length, 2)
        ramp = np.linspace(0, 255, length).astype(np.uint8)
        spot = body[top : top + length, left : left + length]
        spot[..., 0] = np.where(np.arange(length) < length // 2, 1, 2)
        spot[..., 1:] = np.rot90(np.stack(np.meshgrid(ramp, ramp), -1), rng.integers(4))
        bodies.append(body)
    return cells.repeat(size // 8, 0).repeat(size // 8, 1), bodies


def png(image: np.ndarray) -> bytes:
    """A file of `[S, S, 3]` uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def tensors(inputs: Mapping[str, np.ndarray]) -> dict[str, tf.Tensor]:
    """The inputs as the runtime takes them."""
    return {name: tf.constant(value) for name, value in inputs.items()}


def request(signature: str, inputs: Mapping[str, np.ndarray]) -> predict_pb2.PredictRequest:
    """The inputs as they travel."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = export.MODEL_NAME, signature
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return message


def arrays(response: predict_pb2.PredictResponse) -> Arrays:
    """An answer as a client of TensorFlow reads it."""
    return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


def apart(one: Arrays, other: Arrays) -> float:
    """The largest difference of two answers, in grey levels; of flags, 255 where one differs."""
    largest = 0.0
    for name, value in one.items():
        if name == "image_bytes":
            pixels = [np.asarray(Image.open(io.BytesIO(x[name][0]))).astype(int) for x in (one, other)]
            largest = max(largest, float(np.abs(pixels[0] - pixels[1]).max()))
        elif value.dtype == np.float32:
            largest = max(largest, 127.5 * float(np.abs(value - other[name]).max()))
        elif value.max() > 1:
            largest = max(largest, float(np.abs(value.astype(int) - other[name]).max()))
        elif not np.array_equal(value, other[name]):
            largest = 255.0
    return largest


class Server:
    """The local server in a process of its own, ended when the block ends."""

    def __init__(self, base: pathlib.Path, *flags: str):
        """Returns when it serves."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "serving.local_server", f"--port={self.port}", "--rest_api_port=0"]
        command += [f"--model_base_path={base}", *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.said: list[str] = []
        for line in self.process.stderr:
            self.said.append(line)
            if line.endswith(" serving\n"):
                break
        else:
            sys.exit(f"the server did not start: {''.join(self.said)}")
        self._reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr or []))
        self._reader.start()

    def __enter__(self) -> "Server":
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends it, unless that is done."""
        self.process.terminate()
        self.process.wait()
        self._reader.join()

    def predict(self) -> Callable:
        """`call(request)` on a connection of its own."""
        return prediction_service_pb2_grpc.PredictionServiceStub(
            grpc.insecure_channel(f"127.0.0.1:{self.port}", ANY)
        ).Predict

    def mebibytes(self) -> float:
        """Resident memory."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed(call: Callable) -> tuple[float, object]:
    """Milliseconds that a call takes, and what it gives."""
    began = time.perf_counter()
    result = call()
    return 1e3 * (time.perf_counter() - began), result


def load(calls: Sequence[Callable], seconds: float) -> tuple[float, list[float]]:
    """Each call by a thread of its own, again and again: (calls a second, milliseconds of each).

    Each thread ends with its last call, so the rates of the threads are added up: a call is never cut in two.
    """
    rates, times = [0.0] * len(calls), []

    def ask(place: int) -> None:
        began, count = time.perf_counter(), 0
        while not count or time.perf_counter() < began + seconds:
            times.append(timed(calls[place])[0])
            count += 1
        rates[place] = count / (time.perf_counter() - began)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates), times


NAMES = signatures.NAMES
