"""The networks that scores stand on: loaded from a handle, checked once, named by a label.

A handle is one of
  https://...  a model of TF-Hub or Kaggle, downloaded once into the folder TFHUB_CACHE_DIR
  a folder     a SavedModel of TF2 or TF1, asked through its signature `serving_default` or `default`, or called
  a file       a frozen graph of TensorFlow 1, NAME.pb
  keras        the InceptionV3 of Keras, trained on ImageNet and downloaded once; only where an Inception is asked for
  ssdlite      a detector that a package brings, see `frozen`; only where a detector is asked for

Pictures come in as uint8 `[B, H, W, 3]`. What each kind of network is fed is decided here and nowhere else:
  Inception  299 x 299, bilinear with half-pixel centres and no smoothing, then (x - 128) / 128: TF-GAN's preprocessing.
             Keras' own takes x / 127.5 - 1.
  detector   the uint8 pictures as they are; it resizes for itself
  LPIPS      x / 127.5 - 1 at full size

Note: code that lets the frozen graph of 2015-12-05 resize for itself gets no half-pixel centres, and other code smooths
while resizing; such scores are not the same as these. `fid` has ways of resizing that can be named.
"""

import hashlib
import re
import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dpt_tf.metrics import saved_model
from dpt_tf.metrics.saved_model import Network
from dpt_tf.system.errors import UserError

INCEPTION_SIZE = 299
INCEPTION_2015 = "Inception of 2015-12-05"
_SHAPE_2015 = (1008, 2048)  # classes and pooled features, which no other Inception has together
_REMEMBERED = 16  # batches; more than a table has rows
_HANDLE_2015 = re.compile(r"/tfgan/.*inception", re.IGNORECASE)


class Absent:
    """A score whose network was not given: it takes every batch and has a sentence for a result."""

    higher_is_better = True

    def __init__(self, name: str, flag: str):
        """The score's `name` and the command's `flag` (`"inception"`) that would give the network."""
        self.names = (name,)
        self._text = f"not computed: give --{flag}=HANDLE_OR_FOLDER"

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Looks at nothing; `{}`, for no pair has a value."""
        return {}

    def result(self) -> dict[str, str]:
        """`{name: "not computed: give --FLAG=HANDLE_OR_FOLDER"}`."""
        return {self.names[0]: self._text}

    def state(self) -> dict[str, np.ndarray]:
        """Its name alone, which says that the score was among those that were asked for."""
        return {"name": np.array(self.names[0])}

    def restore(self, state) -> None:
        """Leaves it as it is: there are no sums."""


def absent(name: str, flag: str) -> Absent:
    """The metric `name` while `--flag` is not given."""
    return Absent(name, flag)


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
        self._one_at_a_time = threading.Lock()
        grey = np.full((2, 8, 8, 3), 128, np.uint8)
        outputs = self(grey)
        if not all(value.ndim == 2 and len(value) == 2 and value.shape[1] > 0 for value in outputs.values()):
            found = ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items())
            raise UserError(f"{handle}: needs logits and pool_3 of one row per picture; found {found} for 2 pictures")
        self.classes, self.features = outputs["logits"].shape[1], outputs["pool_3"].shape[1]
        self.published = handle != "keras" and (self.classes, self.features) == _SHAPE_2015
        self.label = self._describe()

    def __call__(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 `[B, H, W, 3]`, or floats in 0..255 -> `{"logits": [B, K], "pool_3": [B, D]}` float32.

        The last batches are remembered: IS and FID ask for the same, each row of a table for the same truth.
        Threads take turns.

        Raises:
          UserError: the network fails, or gives infinities or NaN.
        """
        with self._one_at_a_time:
            return self._remembered(pictures)

    def _remembered(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        pictures = np.ascontiguousarray(pictures)
        key = hashlib.blake2b(pictures.tobytes() + f"{pictures.dtype} {pictures.shape}".encode()).digest()
        outputs = self._recent.pop(key, None) or self._run(pictures)
        if not all(np.isfinite(value).all() for value in outputs.values()):
            raise UserError(f"{self.handle}: gives values that are not finite")
        self._recent[key] = outputs
        while len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        return outputs

    def named(self, score: str, protocol: str = "") -> str:
        """`score` with its protocol in brackets, and the network where it is not that of published scores."""
        other = "Keras InceptionV3" if self.handle == "keras" else "another network"
        about = ", ".join(filter(None, (protocol, "" if self.published else other)))
        return f"{score} ({about})" if about else score

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
        with saved_model.patience():
            whole = keras.applications.InceptionV3(weights="imagenet", classifier_activation=None)
    except Exception as error:  # Keras raises a bare Exception where the download fails
        raise UserError(
            f"keras: InceptionV3 cannot be had: {saved_model.first_line(error)}; {saved_model.OFFLINE}"
        ) from error
    model = keras.Model(whole.inputs, [whole.output, whole.get_layer("avg_pool").output])

    def run(pictures: np.ndarray) -> dict[str, np.ndarray]:
        logits, features = model(unit(_resized(pictures)), training=False)
        return {"logits": _rows(np.asarray(logits)), "pool_3": _rows(np.asarray(features))}

    return run


def _resized(pictures: np.ndarray) -> tf.Tensor:
    """Floats in 0..255 of Inception's size."""
    return tf.image.resize(tf.cast(pictures, tf.float32), (INCEPTION_SIZE, INCEPTION_SIZE), "bilinear")


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(np.float32) if values.ndim else values
