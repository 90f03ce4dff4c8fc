"""The functions that a run's folder or a SavedModel holds, as `painter.Transfer` takes them."""

import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import fingerprint_pb2

from dpt_tf.models.composition import Composition
from dpt_tf.system import files
from dpt_tf.system.errors import UserError
from dpt_tf.training import trained

_SAVED_MODEL = "saved_model.pb"

# uint8 `[1, H, W, 3]` photo and map, and coverage `[1, H, W, 1]`, to all that is to be kept of them; that and a pose's
# map to pictures (`painter.COMPOSED`); and of a run, not of an export, `Composition.surface`.
Halves = tuple[Callable, ...]


def read(folder: pathlib.Path) -> dict[str, Any]:
    """The arguments of `painter.Transfer` but for the estimator; `painter.load` says of what folders.

    Raises:
      UserError: the folder is none of them, or holds no usable weights.
    """
    folder = newest(folder)
    if (folder / _SAVED_MODEL).is_file():
        return _of_saved_model(folder)
    model, hparams, provenance = trained.load_generator(folder)
    if hparams.keypoints_needed():
        raise UserError(f"{folder} was trained on keypoints; transfer from photos and maps needs a DensePose run")
    halves: Halves | None = None
    if hparams.blending == "layers":
        made = Composition(model)
        halves = *composing(*made.halves()), tf.function(made.surface, autograph=False)
    return {
        "function": tf.function(lambda inputs: model(inputs)),
        "image_size": hparams.image_size,
        "provenance": provenance,
        "owner": model,
        "halves": halves,
        "atlas_size": hparams.atlas_size,
    }


def composing(source: Callable, render: Callable) -> Halves:
    """The two graphs of `Composition.halves`, or of an export, for arrays."""

    def paint(unwrapped, target_iuv):
        return render(dict(unwrapped), tf.constant(target_iuv))

    return lambda *known: source(*map(tf.constant, known)), paint


def newest(folder: pathlib.Path) -> pathlib.Path:
    """The version of the highest number in it, or the folder itself where it holds none."""
    versions = [path.parent for path in folder.glob(f"*/{_SAVED_MODEL}") if re.fullmatch("[0-9]+", path.parent.name)]
    return max(versions, key=lambda path: int(path.name), default=folder)


def _of_saved_model(folder: pathlib.Path) -> dict[str, Any]:
    files.refuse_odd(folder)
    provenance = _provenance(folder / "assets.extra" / "provenance.json")
    try:
        _check_fingerprint(folder / "fingerprint.pb")
        loaded = tf.saved_model.load(str(folder))
        signatures = loaded.signatures
    except Exception as error:  # damage comes to light anywhere in TensorFlow and protobuf, which have their own errors
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"{folder} cannot be loaded ({said}); export it anew with `dpt export`") from error
    for name in ("tensors", "texture", "render"):
        if name not in signatures:
            have = ", ".join(sorted(signatures)) or "none"
            raise UserError(f"{folder} has no signature `{name}` (it has: {have}); export it with `dpt export`")

    def function(inputs: dict[str, np.ndarray]) -> Mapping:
        x = _as_tensors(inputs)
        unwrapped = signatures["texture"](source=x["source"], source_iuv=x["source_iuv"])
        return unwrapped | signatures["render"](**unwrapped, target_iuv=x["target_iuv"])

    try:
        sizes = {
            name: signatures[name].structured_input_signature[1]["source"].shape for name in ("tensors", "texture")
        }
    except KeyError:
        raise UserError(f"{folder} has signatures of another program; export it with `dpt export`") from None
    halves = atlas_size = None
    if sizes["texture"][1] is None:  # an export that composes pictures of any size
        atlas_size = signatures["render"].structured_input_signature[1]["small_texture"].shape[2]
        halves = composing(
            lambda photo, source_iuv, _: signatures["texture"](source=photo, source_iuv=source_iuv),
            lambda unwrapped, target_iuv: signatures["render"](**unwrapped, target_iuv=target_iuv),
        )
    return {
        "function": function,
        "image_size": sizes["tensors"][1],
        "provenance": {"saved_model": str(folder)} | provenance,
        "owner": loaded,
        "halves": halves,
        "atlas_size": atlas_size,
    }


def _provenance(noted: pathlib.Path) -> dict[str, Any]:
    try:
        return trained.checked(files.read_facts(noted)) if noted.exists() else {}
    except ValueError as error:
        raise UserError(f"{noted} is damaged ({error}); remove it, nothing else depends on it") from None


def _check_fingerprint(path: pathlib.Path) -> None:
    """Raises what protobuf has to say of a damaged one: TensorFlow shows its own traceback and goes on."""
    if path.exists():
        fingerprint_pb2.FingerprintDef.FromString(files.read(path))


def _as_tensors(inputs: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(value) for name, value in inputs.items()}
