"""One loaded version of a model: its signatures, and what a request of theirs must hold.

A request's inputs are checked against the signature when it comes, by their protos alone (`Signature.prepare`); they
are unpacked, merged along axis 0, run and taken apart by the thread that runs the batch (`Signature.run`).
"""

import contextlib
import dataclasses
import math
import pathlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import fingerprint_pb2, meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.local_server import pictures, tensors
from serving.local_server.failures import Refusal, invalid

WARM_UP = "assets.extra/tf_serving_warmup_requests"
MOST_WARM_UPS = 1000
# What a call takes goes with its pixels, and calls are as many at once as processors: of large ones one at a time.
_LARGE = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bytes that a request may have, and its inputs unpack to; and whether answers are tensor_content.

    A photo of 2,048 x 2,048 is rendered from 72 MB, its texture and what lies beside the body.
    """

    max_bytes: int = 96 * 2**20
    as_content: bool = False

    @property
    def waiting_bytes(self) -> int:
        """Bytes that all requests together may have, while they wait and are run; small ones do not count."""
        return 2 * self.max_bytes


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A checked request: what it gives, how many rows (None: not to be merged), what it wants back."""

    inputs: Mapping[str, tensors.TensorProto]
    rows: int | None
    shapes: tuple
    outputs: tuple[str, ...]


class Signature:
    """One entry point of a loaded version."""

    def __init__(
        self, name: str, definition: meta_graph_pb2.SignatureDef, function: Any, limits: Limits, sizes: Sequence[int]
    ):
        """`function` takes tensors by name and returns a dict of them; `sizes`, in order, are what it is padded to."""
        self.name, self.definition, self.limits = name, definition, limits
        self._function, self._sizes = function, sizes

    def prepare(self, request: predict_pb2.PredictRequest) -> Prepared:
        """Raises INVALID_ARGUMENT unless inputs and output filter are the signature's, and no more than it may run."""
        wanted, given = self.definition.inputs, request.inputs
        if set(given) != set(wanted):
            raise invalid(_wrong_names(given, wanted))
        left = self.limits.max_bytes
        for place, name in enumerate(sorted(wanted)):
            left -= tensors.check(name, place, given[name], wanted[name], left)
            pictures.refuse_large_batch(name, tensors.dims(given[name].tensor_shape))
        shapes = tuple((name, tuple(tensors.dims(given[name].tensor_shape))) for name in sorted(given))
        firsts = {shape[0] if shape else None for _, shape in shapes}
        rows = firsts.pop() if len(firsts) == 1 else None
        if rows == 0:
            raise invalid("the inputs hold no example: their first dimension is 0")
        inner = tuple((name, shape[1:]) for name, shape in shapes)
        return Prepared(given, rows, inner, self._filtered(request))

    def _filtered(self, request: predict_pb2.PredictRequest) -> tuple[str, ...]:
        known = sorted(self.definition.outputs)
        for place, name in enumerate(request.output_filter):
            if name not in known:
                words = f"output tensor alias not found in signature: {name} Outputs expected to be in the set"
                raise invalid(f"{words} {_braces(known)}.")
            if name in request.output_filter[:place]:
                raise invalid(f"duplicate output tensor alias: {name}")
        return tuple(request.output_filter) or tuple(known)

    def run(self, batch: Sequence[Prepared]) -> list[dict[str, np.ndarray] | Exception]:
        """The outputs that each member wants. If the batch as a whole fails, each member is run alone."""
        answers: list[Any] = [None] * len(batch)
        unpacked = {}
        for place, member in enumerate(batch):
            try:
                unpacked[place] = _unpack(member)
            except Refusal as refusal:
                answers[place] = refusal
        if unpacked:
            self._run(batch, list(unpacked), unpacked, answers)
        return answers

    def _run(self, batch: Sequence[Prepared], places: list[int], unpacked: dict, answers: list) -> None:
        try:
            outputs = self._call([unpacked[place] for place in places], [batch[place].rows for place in places])
        except Exception as error:
            if len(places) == 1:
                answers[places[0]] = error
                return
            for place in places:
                self._run(batch, [place], unpacked, answers)
            return
        for place, output in zip(places, outputs, strict=True):
            answers[place] = {name: output[name] for name in batch[place].outputs}

    def _call(self, members: Sequence[dict], rows: Sequence[int | None]) -> list[dict[str, np.ndarray]]:
        """One call of the function for members whose sizes along axis 0 are `rows`."""
        if rows == [None]:
            return [self._outputs(members[0])]
        total = sum(row or 0 for row in rows)
        padded = next((size for size in self._sizes if size >= total), total)
        merged = {}
        for name in members[0]:
            parts = [member[name] for member in members] + [members[-1][name][-1:]] * (padded - total)
            merged[name] = tf.concat(parts, 0) if len(parts) > 1 else parts[0]
        outputs = self._outputs(merged)
        if len(members) == 1 and padded == total:
            return [outputs]
        for name, value in outputs.items():
            if value.shape[:1] != (padded,):
                words = "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes"
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f"{words} of the input tensors: output {name}")
        ends = np.cumsum([row or 0 for row in rows]).tolist()
        starts = [0, *ends]
        return [{name: value[a:b] for name, value in outputs.items()} for a, b in zip(starts, ends, strict=False)]

    def _outputs(self, inputs: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
        large = max(map(_pixels, inputs.values()), default=0) >= pictures.LARGE
        alone: contextlib.AbstractContextManager = _LARGE if large else contextlib.nullcontext()
        with alone:
            return {name: np.asarray(value) for name, value in self._function(**inputs).items()}


class Servable:
    """A version in memory. Holds the loaded object: without it the variables of the signatures are gone."""

    def __init__(self, folder: pathlib.Path, name: str, version: int, limits: Limits, sizes: Sequence[int] = ()):
        """Loads `folder` and replays its warm-up requests; batches are padded to `sizes`. Raises what stops that."""
        self.name, self.version = name, version
        _check_files(folder)
        self.definitions = _definitions(folder)
        self._loaded = tf.saved_model.load(str(folder), tags=["serve"])
        self.signatures = {
            key: Signature(key, self.definitions[key], function, limits, sizes)
            for key, function in self._loaded.signatures.items()
        }
        self.warmed = self._warm(folder / WARM_UP)

    def signature(self, name: str) -> Signature:
        """By name; the empty name is `serving_default`."""
        name = name or "serving_default"
        if name not in self.signatures:
            words = f'Serving signature key "{name}" not found.'
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, words)
        return self.signatures[name]

    def _warm(self, file: pathlib.Path) -> int:
        """The number of requests replayed."""
        if not file.is_file():
            return 0
        records = tf.data.TFRecordDataset(str(file)).take(MOST_WARM_UPS)
        for place, record in enumerate(records.as_numpy_iterator()):
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise ValueError(f"{file}: record {place} is no Predict request")
            signature = self.signature(log.predict_log.request.model_spec.signature_name)
            for answer in signature.run([signature.prepare(log.predict_log.request)]):
                if isinstance(answer, Exception):
                    raise answer
        return sum(1 for _ in records)


def _unpack(member: Prepared) -> dict[str, tf.Tensor]:
    """The tensors of a request; raises INVALID_ARGUMENT, with no picture decoded, where their pixels are too many."""
    unpacked = {name: tensors.decode(name, proto) for name, proto in member.inputs.items()}
    for name, tensor in unpacked.items():
        if name.endswith("_bytes") and tensor.dtype == tf.string:
            pictures.refuse_bombs(name, tensor.numpy().ravel() if tensor.shape.rank else [tensor.numpy()])
    return unpacked


def _pixels(tensor: tf.Tensor) -> int:
    """Of an input's pictures, arrays or files; 0 where it holds none."""
    if tensor.dtype == tf.string:
        return pictures.pixels(tensor.numpy().ravel()) if tensor.shape.rank else 0
    return math.prod(tensor.shape[:3]) if tensor.shape.rank == 4 else 0


def _check_files(folder: pathlib.Path) -> None:
    """Raises ValueError for a pipe among them, which TensorFlow would wait for, or a damaged fingerprint.

    TensorFlow shows a traceback for that one, and goes on.
    """
    for path in folder.rglob("*"):
        if path.exists() and not path.is_dir() and not path.is_file():
            raise ValueError(f"{path} is a pipe or a device, where a file is wanted")
    mark = folder / "fingerprint.pb"
    try:
        fingerprint_pb2.FingerprintDef.FromString(mark.read_bytes() if mark.is_file() else b"")
    except DecodeError:
        raise ValueError(f"{mark} is damaged; export the model anew") from None


def _definitions(folder: pathlib.Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    file = folder / "saved_model.pb"
    if not file.is_file():
        raise FileNotFoundError(f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}")
    for graph in saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError(f"{file} has no MetaGraphDef with the tag serve")


def _braces(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _wrong_names(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    extra, missing = set(given) - set(wanted), set(wanted) - set(given)
    if len(given) == len(wanted):
        words = f"input tensor alias not found in signature: {min(extra)}."
        return f"{words} Inputs expected to be in the set {_braces(wanted)}."
    return (
        f"input size does not match signature: {len(given)}!={len(wanted)} len({_braces(given)}) !="
        f" len({_braces(wanted)}). Sent extra: {_braces(extra)}. Missing but required: {_braces(missing)}."
    )
