"""A trained run as a SavedModel that any TensorFlow of version 2.20 on runs, without this project's code.

  <folder>/<version>/   saved_model.pb  variables/
    assets.extra/       tf_serving_warmup_requests  hparams.json  provenance.json

`signatures` says what it answers to, and `any_size`, if it blends by layers; `checks` and `maps` what it refuses.

Note:
  Some layers compute the same thing in another way on a CPU than on a GPU (3x3 convolutions by Winograd's algorithm),
  and the way is part of the graph. So an export is made for one of them. It runs on the other, too, and paints the
  same picture within rounding, only slower than it could. `provenance.json` says which one it is.
"""

import errno
import importlib.metadata
import os
import pathlib
from typing import Any

import keras
import tensorflow as tf

from dpt_tf.export import any_size, signatures, versions, warmup
from dpt_tf.ops import device as devices
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError
from dpt_tf.training import stages

MODEL_NAME = "dpt"
EXTRA = "assets.extra"


def export(
    run_dir: pathlib.Path,
    folder: pathlib.Path,
    version: int | None = None,
    device: str | None = None,
    mixed_precision: str = "float32",
) -> pathlib.Path:
    """Writes a run's generator as the next version, or as `version`, in `folder`; returns the version's folder.

    Args:
      run_dir: what `train.py` calls `--workdir`.
      folder: holds the versions of the model; made where it is missing.
      version: a number that is free; None: one more than the highest.
      device: `cpu` or `gpu`, what the graph is made for; None: what TensorFlow sees here.
      mixed_precision: what the networks compute in, `float32` or `bfloat16`; inputs and outputs are float32.

    Raises:
      UserError: no messages of TensorFlow Serving here, no usable run, one that was trained on keypoints, or a version
        or folder that cannot be written.
      OSError: the disk is full.
    """
    warmup.refuse()
    versions.refuse(folder, version)
    model, hparams, facts = stages.load_generator(run_dir, mixed_precision)
    if hparams.keypoints_needed():
        raise UserError(
            f"{run_dir} was trained on keypoints; an export answers to photos and maps: give a DensePose run"
        )
    device = device or devices.device()
    facts |= {"device": device, "mixed_precision": mixed_precision, "exported_with": _installed()}

    def fill(aside: pathlib.Path) -> None:
        specs = save(model, hparams, aside, device)
        extra = aside / EXTRA
        extra.mkdir()
        hparams.save(extra / "hparams.json")
        atomic.write_json(extra / "provenance.json", facts)
        warmup.write(extra, specs, hparams.image_size, MODEL_NAME)

    try:
        return versions.write(folder, version, fill)
    except tf.errors.OpError as error:
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        raise


def save(model: keras.Model, hparams: Any, folder: pathlib.Path, device: str) -> dict[str, list[tf.TensorSpec]]:
    """Writes the SavedModel of a generator into `folder`, its graph made for `device`; returns what it takes."""
    archive = keras.export.ExportArchive()
    with devices.export_for(device):
        answers = any_size.of(model, hparams)
        answers.add_to(archive)
        archive.write_out(str(folder), verbose=False)
    return {name: answers.specs(name) for name in signatures.NAMES}


def _installed() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in ("dpt_tf", "tensorflow", "keras")}
