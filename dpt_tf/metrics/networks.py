"""The networks that scores stand on: loaded from a handle, checked once, named by a label.

A handle is one of
  https://...  a model of TF-Hub or Kaggle, downloaded once into the folder TFHUB_CACHE_DIR
  a folder     a SavedModel of TF2 or TF1, asked through its signature `serving_default` or `default`, or called
  keras        the InceptionV3 of Keras, trained on ImageNet and downloaded once; only where an Inception is asked for

Pictures come in as uint8 `[B, H, W, 3]`. What each kind of network is fed is decided here and nowhere else:
  Inception  299 x 299, bilinear with half-pixel centres and no smoothing, then (x - 128) / 128: TF-GAN's preprocessing.
             Keras' own takes x / 127.5 - 1.
  detector   the uint8 pictures as they are; it resizes for itself
  LPIPS      x / 127.5 - 1 at full size

Note: code that lets the frozen graph of 2015-12-05 resize for itself gets no half-pixel centres, and other code smooths
while resizing; such scores are not the same as these.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
import re
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dpt_tf.errors import UserError

PATIENCE = 30.0  # seconds without a word from a server, after which it counts as unreachable
INCEPTION_SIZE = 299
INCEPTION_2015 = "Inception of 2015-12-05"
_SHAPE_2015 = (1008, 2048)  # classes and pooled features, which no other Inception has together
_HANDLE_2015 = re.compile(r"/tfgan/.*inception", re.IGNORECASE)


class Absent:
    """A score whose network was not given: it takes every batch and has a sentence for a result."""

    higher_is_better = True

    def __init__(self, name: str, flag: str):
        """The score's `name` and the command's `flag` (`"inception"`) that would give the network."""
        self.names = (name,)
        self._text = f"not computed: give --{flag}=HANDLE_OR_FOLDER"

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}

    def result(self) -> dict[str, str]:
        """`{name: "not computed: give --FLAG=HANDLE_OR_FOLDER"}`."""
        return {self.names[0]: self._text}

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}

    def restore(self, state) -> None:
        """Nothing."""

    def merge(self, other) -> None:
        """Nothing."""


def absent(name: str, flag: str) -> Absent:
    """The metric `name` while `--flag` is not given."""
    return Absent(name, flag)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One way into a loaded SavedModel; `outputs` is None where they have no names."""

    name: str
    call: Callable[..., Any]
    inputs: dict[str, tf.TensorSpec]
    outputs: tuple[str, ...] | None

    def __str__(self) -> str:
        inputs = ", ".join(f"{name}: {spec.dtype.name} {_shape(spec)}" for name, spec in self.inputs.items())
        return f"{self.name} ({inputs}) -> {', '.join(self.outputs) if self.outputs is not None else 'unnamed'}"


class Network:
    """A function of pictures to named outputs, found in the SavedModel of a handle.

    `short` is the end of the handle (`ssd_mobilenet_v2/2`), for the names of scores.
    """

    def __init__(
        self, handle: str, dtype: tf.DType, outputs: Sequence[str] = (), pictures: int = 1, size: int | None = None
    ):
        """Loads `handle` and picks the first way in that fits.

        Args:
          handle: see the module.
          dtype: of the pictures it takes.
          outputs: the names it must give; none: it must give exactly one, whatever its name.
          pictures: how many batches it takes at once, in the order of the inputs' names.
          size: the side of the squares it must accept; None: any.

        Raises:
          UserError: the handle cannot be reached or read, or nothing in it fits; the line names what was found.
        """
        self.handle, self.short = handle, _short(handle)
        # The functions of a SavedModel die with the object they were loaded with.
        self._loaded = _load(handle)
        entries = list(_entries(self._loaded))
        fitting = [entry for entry in entries if _fits(entry, dtype, tuple(outputs), pictures, size)]
        if not fitting:
            needed = " and ".join([f"{dtype.name} [B, {size or 'H'}, {size or 'W'}, 3]"] * pictures)
            others = ", ".join(getattr(self._loaded, "signatures", {}))
            found = "; ".join(map(str, entries)) or (f"signatures {others} only" if others else "no function at all")
            given = ", ".join(outputs) or "one output"
            raise UserError(f"{handle}: needs a function of {needed} to {given}; found {found}")
        self._entry = fitting[0]
        self._spec = next(iter(self._entry.inputs.values()))

    def __call__(self, *pictures: tf.Tensor) -> Iterator[dict[str, np.ndarray]]:
        """`[B, H, W, 3]` each -> its outputs, for the whole batch or, if it takes one picture at a time, one by one.

        Raises:
          UserError: it takes another size of pictures, or fails on these.
        """
        shape = pictures[0].shape
        if not self._spec.shape[1:].is_compatible_with(shape[1:]):
            raise UserError(f"{self.handle}: takes pictures {_shape(self._spec)}, these are {tuple(shape)}")
        step = 1 if self._spec.shape.rank and self._spec.shape[0] == 1 else max(1, shape[0])
        for start in range(0, shape[0], step):
            try:
                outputs = self._entry.call(*(batch[start : start + step] for batch in pictures))
            except (tf.errors.OpError, ValueError, TypeError) as error:
                raise UserError(f"{self.handle}: fails on pictures {tuple(shape)}: {_first_line(error)}") from error
            if not isinstance(outputs, dict):
                outputs = {"output": outputs}
            yield {name: value.numpy() for name, value in outputs.items()}


class Inception:
    """Class scores and pooled features of pictures.

    `label` says for the report which network it is; `published`: by its shape it is the one of published IS and FID;
    `classes` is K, `features` is D.
    """

    def __init__(self, handle: str):
        """Loads it and shows it a grey picture.

        Raises:
          UserError: see `Network`; or its outputs are not one row of logits and one of features per picture.
        """
        self.handle = handle
        self._run = _keras_inception() if handle == "keras" else _saved_inception(handle)
        self._recent: dict[bytes, dict[str, np.ndarray]] = {}
        grey = np.full((2, 8, 8, 3), 128, np.uint8)
        outputs = self(grey)
        if not all(value.ndim == 2 and len(value) == 2 and value.shape[1] > 0 for value in outputs.values()):
            found = ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items())
            raise UserError(f"{handle}: needs logits and pool_3 of one row per picture; found {found} for 2 pictures")
        self.classes, self.features = outputs["logits"].shape[1], outputs["pool_3"].shape[1]
        self.published = handle != "keras" and (self.classes, self.features) == _SHAPE_2015
        self.label = self._describe()

    def __call__(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 `[B, H, W, 3]` -> `{"logits": [B, K], "pool_3": [B, D]}` float32.

        The last two batches are remembered: IS and FID ask for the same, and each row of a table for the same truth.

        Raises:
          UserError: the network fails, or gives infinities or NaN.
        """
        pictures = np.ascontiguousarray(pictures)
        key = hashlib.blake2b(pictures.tobytes() + repr(pictures.shape).encode()).digest()
        outputs = self._recent.pop(key, None) or self._run(pictures)
        if not all(np.isfinite(value).all() for value in outputs.values()):
            raise UserError(f"{self.handle}: gives values that are not finite")
        self._recent[key] = outputs
        while len(self._recent) > 2:
            del self._recent[next(iter(self._recent))]
        return outputs

    def named(self, score: str) -> str:
        """`score` itself where it can be compared with published ones, else with the network in brackets."""
        if self.published:
            return score
        return f"{score} ({'Keras InceptionV3' if self.handle == 'keras' else 'another network'})"

    def _describe(self) -> str:
        shape = f"{self.classes} classes, {self.features} features"
        if self.handle == "keras":
            return f"Keras' InceptionV3 ({shape}): another network: not comparable with published IS/FID"
        if not self.published:
            return f"{self.handle} ({shape}): another network: not comparable with published IS/FID"
        if "://" in self.handle and _HANDLE_2015.search(self.handle):
            return f"{INCEPTION_2015} ({self.handle})"
        return f"{INCEPTION_2015}, judged by its {shape} alone ({self.handle})"


def detector(handle: str) -> Network:
    """uint8 pictures -> `detection_scores` and `detection_classes`, `[B, N]` each."""
    return Network(handle, tf.uint8, ("detection_scores", "detection_classes"))


def perceptual(handle: str) -> Network:
    """Two batches of float32 pictures in [-1, 1] -> one output, a distance per pair."""
    return Network(handle, tf.float32, pictures=2)


def unit(pictures: np.ndarray) -> tf.Tensor:
    """uint8 to float32 in [-1, 1]."""
    return tf.cast(pictures, tf.float32) / 127.5 - 1


def _saved_inception(handle: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    network = Network(handle, tf.float32, ("logits", "pool_3"), size=INCEPTION_SIZE)

    def run(pictures: np.ndarray) -> dict[str, np.ndarray]:
        parts = list(network((_resized(pictures) - 128) / 128))
        return {name: _rows(np.concatenate([part[name] for part in parts])) for name in ("logits", "pool_3")}

    return run


def _keras_inception() -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    import keras

    try:
        with _patience():
            whole = keras.applications.InceptionV3(weights="imagenet", classifier_activation=None)
    except Exception as error:  # Keras raises a bare Exception where the download fails
        raise UserError(f"keras: InceptionV3 cannot be had: {_first_line(error)}; {_OFFLINE}") from error
    model = keras.Model(whole.inputs, [whole.output, whole.get_layer("avg_pool").output])

    def run(pictures: np.ndarray) -> dict[str, np.ndarray]:
        logits, features = model(unit(_resized(pictures)), training=False)
        return {"logits": _rows(np.asarray(logits)), "pool_3": _rows(np.asarray(features))}

    return run


_OFFLINE = "check the network, or give the folder of a SavedModel"


def _load(handle: str) -> Any:
    if "://" in handle:
        where, remedy = handle, _OFFLINE
    else:
        folder = pathlib.Path(handle).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"{handle}: no such folder; give a SavedModel's folder or an https:// handle of TF-Hub or Kaggle"
            )
        if not any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
            inside = sorted(entry.name for entry in folder.iterdir())[:5]
            raise UserError(
                f"{handle}: not a SavedModel, it has no saved_model.pb; found {', '.join(inside) or 'nothing'}"
            )
        where, remedy = str(folder), "is the SavedModel whole?"
    try:
        with warnings.catch_warnings():
            # It imports pkg_resources, which warns of its own end.
            warnings.simplefilter("ignore")
            import tensorflow_hub as hub
        with _patience():
            return hub.load(where)
    except Exception as error:  # of the network, the archive, the protocol buffer or TensorFlow: no common base
        raise UserError(f"{handle}: cannot be loaded: {_first_line(error)}; {remedy}") from error


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Downloads inside give up on a silent server."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _entries(loaded: Any) -> Iterator[_Entry]:
    signatures = getattr(loaded, "signatures", {})
    for name in ("serving_default", "default"):
        if name in signatures:
            yield _signature(name, signatures[name])
    if callable(loaded):
        for function in loaded.__call__.concrete_functions:
            specs = [a for a in function.structured_input_signature[0] if isinstance(a, tf.TensorSpec)]
            inputs = {f"argument {i + 1}": spec for i, spec in enumerate(specs)}
            outputs = function.structured_outputs
            yield _Entry("a call", loaded.__call__, inputs, tuple(outputs) if isinstance(outputs, dict) else None)


def _signature(name: str, function: Any) -> _Entry:
    specs = dict(sorted(function.structured_input_signature[1].items()))

    def call(*pictures: tf.Tensor) -> Any:
        return function(**dict(zip(specs, pictures, strict=True)))

    return _Entry(name, call, specs, tuple(function.structured_outputs))


def _fits(entry: _Entry, dtype: tf.DType, outputs: tuple[str, ...], pictures: int, size: int | None) -> bool:
    for spec in entry.inputs.values():
        one_by_one = spec.shape.rank is None or spec.shape[0] in (None, 1)
        if spec.dtype != dtype or not one_by_one or not spec.shape.is_compatible_with((None, size, size, 3)):
            return False
    if outputs:
        given = entry.outputs is not None and set(outputs) <= set(entry.outputs)
    else:
        given = entry.outputs is None or len(entry.outputs) == 1
    return len(entry.inputs) == pictures and given


def _resized(pictures: np.ndarray) -> tf.Tensor:
    """Floats in 0..255 of Inception's size."""
    return tf.image.resize(tf.cast(pictures, tf.float32), (INCEPTION_SIZE, INCEPTION_SIZE), "bilinear")


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(np.float32) if values.ndim else values


def _shape(spec: tf.TensorSpec) -> str:
    return "[...]" if spec.shape.rank is None else str(spec.shape.as_list())


def _short(handle: str) -> str:
    parts = handle.rstrip("/").split("/")
    versioned = len(parts) > 1 and parts[-1].isdigit()
    return "/".join(parts[-2:]) if versioned else parts[-1]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
