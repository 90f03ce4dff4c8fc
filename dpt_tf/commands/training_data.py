"""Where the data set of `--dataset` is: for `train.py` and `dpt experiment` alike."""

import importlib.util
import pathlib
from collections.abc import Container

from dpt_tf import config
from dpt_tf.data import records, sparse_records
from dpt_tf.data.prepare import deepfashion, mvc
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError, say

BACKDROPS = "every"  # of synthetic people to train on; strangers to score on stand in the studio

_BY_HAND = {
    "deepfashion": f"""\
get the In-shop pictures from {deepfashion.OFFICIAL}, ready IUV maps from {deepfashion.READY_MAPS}, and then:
dpt build datasets/deepfashion_pairs --manual_dir=FOLDER --data_dir={{data_dir}}   (docs/data.md has every step)""",
    "mvc": f"""\
get the lists and pictures by way of {mvc.PAGE}, run DensePose on the pictures, and then:
dpt build datasets/mvc_pairs --manual_dir=FOLDER --data_dir={{data_dir}}   (docs/data.md has every step)""",
}


def find(dataset: str, data_dir: pathlib.Path | None, image_size: int) -> pathlib.Path:
    """The prepared data set, in `data_dir` or in its usual place; the synthetic one is made where it is missing.

    Raises:
      UserError: a folder is wanted and none given, a collection has not been built, other synthetic people are in the
        usual place, or what makes them is not installed, people with points are not there or not what was asked for;
        says how to get it.
    """
    if dataset == "synthetic":
        check_synthetic()
    if dataset == "folder" and data_dir is None:
        raise UserError("--dataset=folder wants --data_dir=DIR, a folder that `dpt prepare PHOTOS --output DIR` wrote")
    default = f"data/synthetic-{image_size}" if dataset == "synthetic" else f"data/{dataset}"
    named, data_dir = data_dir is not None, data_dir or pathlib.Path(default)
    if dataset == sparse_records.NAME:
        return _with_points(data_dir, image_size)
    if sparse_records.holds(data_dir):
        raise UserError(f"{data_dir} {records.SINGLE_POINTS}, not --dataset={dataset}")
    if dataset in _BY_HAND and not records.directories(data_dir):
        get, build = _BY_HAND[dataset].splitlines()
        raise UserError(f"{data_dir} holds no {dataset}: {get}", build.format(data_dir=data_dir))
    if dataset == "synthetic":
        quiet.start_tensorflow()  # before anything imports it with its greetings
        from dpt_tf import synthetic

        if synthetic.is_missing(data_dir):
            say(f"making synthetic people of {image_size} pixels in {data_dir}, once")
            synthetic.generate(data_dir, image_size=image_size, backdrops=BACKDROPS)
        elif not named:
            synthetic.refuse_others(data_dir, backdrops=BACKDROPS)
    return data_dir


def _with_points(data_dir: pathlib.Path, image_size: int) -> pathlib.Path:
    found = sparse_records.directories(data_dir)
    if not found:
        raise UserError(
            f"{data_dir} holds no people with points of DensePose-COCO; docs/data.md says what to fetch, and then: dpt "
            f"prepare --dataset={sparse_records.NAME} --annotations=densepose_coco_2014_train.json --pictures=FOLDER "
            f"--data_dir={data_dir} --size={image_size}"
        )
    return found[0] if len(found) == 1 else data_dir


def refuse_stages(dataset: str, names: Container[str]) -> None:
    """Refuses to train with single points what wants whole maps or pairs.

    Raises:
      UserError: it names the stage that they are for.
    """
    painting = [stage for stage in config.EVERY_STAGE if stage in names and stage != config.MAP_STAGE]
    if dataset == sparse_records.NAME and painting:
        raise UserError(
            f"--dataset={dataset} has people with single points and no pairs of photos, so the {', '.join(painting)} "
            f"stage cannot be trained on it; give --stage={config.MAP_STAGE}, which finds maps"
        )


def refuse_vgg(weights: str) -> None:
    """Finds out at once whether a file of VGG19's weights is there: a training comes to it last.

    Raises:
      UserError: it is not.
    """
    if weights not in ("imagenet", "random") and not pathlib.Path(weights).is_file():
        raise UserError(f"--vgg={weights}: no such file; give one of VGG19's weights, imagenet or random")


def check_synthetic() -> None:
    """Finds out at once, before TensorFlow starts, whether synthetic people can be made.

    Raises:
      UserError: the extra is not installed.
    """
    if importlib.util.find_spec("embreex") is None:
        raise UserError("making synthetic people needs embreex: pip install 'dpt_tf[synthetic]'")
