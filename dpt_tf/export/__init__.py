"""A trained run as a SavedModel that any TensorFlow of version 2.20 on runs, without this project's code.

  <folder>/<version>/   saved_model.pb  variables/
    assets.extra/       tf_serving_warmup_requests  hparams.json  provenance.json
      pose/             hparams.json  provenance.json  card.json  CARD.md: of the network of maps, where there is one

`signatures` says what it answers to, `any_size`, if it blends by layers, and `photos`, if it finds maps itself;
`checks` and `maps` what it refuses.

Note:
  Some layers compute the same thing in another way on a CPU than on a GPU (3x3 convolutions by Winograd's algorithm),
  and the way is part of the graph. So an export is made for one of them. It runs on the other, too, and paints the
  same picture within rounding, only slower than it could. `provenance.json` says which one it is.
"""

import errno
import importlib.metadata
import os
import pathlib
import shutil
from typing import Any

import keras
import tensorflow as tf

from dpt_tf import shipped
from dpt_tf.config import HParams
from dpt_tf.densepose import small
from dpt_tf.export import any_size, photos, signatures, versions, warmup
from dpt_tf.ops import device as devices
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError
from dpt_tf.training import trained

MODEL_NAME = "dpt"
EXTRA = "assets.extra"


def export(
    run_dir: pathlib.Path,
    folder: pathlib.Path,
    version: int | None = None,
    device: str | None = None,
    mixed_precision: str = "float32",
    pose: str | None = None,
) -> pathlib.Path:
    """Writes a run's generator as the next version, or as `version`, in `folder`; returns the version's folder.

    Args:
      run_dir: what `train.py` calls `--workdir`.
      folder: holds the versions of the model; made where it is missing.
      version: a number that is free; None: one more than the highest.
      device: `cpu` or `gpu`, what the graph is made for; None: what TensorFlow sees here.
      mixed_precision: what the networks compute in, `float32` or `bfloat16`; inputs and outputs are float32.
      pose: the network of maps that goes with it, as `trained.load_fcn` takes it; None: it takes maps only.

    Raises:
      UserError: no messages of TensorFlow Serving here, no usable run, one that was trained on keypoints, or a version
        or folder that cannot be written.
      OSError: the disk is full.
    """
    warmup.refuse()
    versions.refuse(folder, version)
    model, hparams, facts = trained.load_generator(run_dir, mixed_precision)
    if hparams.keypoints_needed():
        raise UserError(
            f"{run_dir} was trained on keypoints; an export answers to photos and maps: give a DensePose run"
        )
    maps = _load_maps(pose, mixed_precision) if pose else None
    device = device or devices.device()
    facts |= {"device": device, "mixed_precision": mixed_precision, "exported_with": _installed()}

    def fill(aside: pathlib.Path) -> None:
        specs = save(model, hparams, aside, device, maps[0] if maps else None)
        extra = aside / EXTRA
        extra.mkdir()
        hparams.save(extra / "hparams.json")
        atomic.write_json(extra / "provenance.json", facts)
        if maps:
            _note_maps(extra / photos.NAMES[0], *maps[1:])
        warmup.write(extra, specs, hparams.image_size, MODEL_NAME)

    try:
        return versions.write(folder, version, fill)
    except tf.errors.OpError as error:
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        raise


def save(
    model: keras.Model, hparams: Any, folder: pathlib.Path, device: str, maps: keras.Model | None = None
) -> dict[str, list[tf.TensorSpec]]:
    """Writes the SavedModel of a generator into `folder`, its graph made for `device`.

    `maps` is the network that finds maps, where there is one. Returns the inputs of each signature that can be warmed
    up; those of photos cannot where the network does not know `warmup.figure` for a person.
    """
    archive = keras.export.ExportArchive()
    with devices.export_for(device):
        answers = any_size.of(model, hparams)
        answers.add_to(archive)
        of_photos = photos.Photos(answers, maps) if maps else None
        if of_photos:
            of_photos.add_to(archive)
        archive.write_out(str(folder), verbose=False)
    specs = {name: answers.specs(name) for name in signatures.NAMES}
    if of_photos and of_photos.finds_somebody(warmup.figure()):
        specs |= {name: of_photos.specs(name) for name in photos.NAMES}
    return specs


def _load_maps(pose: str, mixed_precision: str) -> tuple[keras.Model, HParams, dict[str, Any]]:
    found = shipped.find(pose)
    if pose == small.DEFAULT and not found.exists():
        raise UserError(
            f"this dpt_tf comes without the network of maps `{pose}`; train one, train.py --stage=pose, and give its "
            "run, --pose=RUN"
        )
    return trained.load_fcn(pose, mixed_precision)


def _note_maps(folder: pathlib.Path, hparams: HParams, facts: dict[str, Any]) -> None:
    """What the network of maps is."""
    folder.mkdir()
    hparams.save(folder / "hparams.json")
    atomic.write_json(folder / "provenance.json", facts | {"exported_with": _installed()})
    card = pathlib.Path(facts["checkpoint"]).parent
    for name in (shipped.CARD, shipped.CARD_TEXT):
        if shipped.is_model(card) and (card / name).is_file():
            shutil.copyfile(card / name, folder / name)


def _installed() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in ("dpt_tf", "tensorflow", "keras")}
