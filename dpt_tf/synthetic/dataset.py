"""Writes synthetic people to disk, once, as a prepared data set.

Person number n of a split is the same whatever the number of people, of views or of processes: all that is random
about them follows from (seed, split, n). No one is in two splits, for the numbers of the splits do not meet.
Pictures are PNGs with alpha, the share of a pixel that the person covers; without it the picture is whole.
"""

import dataclasses
import io
import multiprocessing
import os
import pathlib
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from dpt_tf.data.records import Item, View
from dpt_tf.iuv.faults import undo_wrap_around
from dpt_tf.synthetic import faults as densepose_faults
from dpt_tf.synthetic import light, wardrobe
from dpt_tf.synthetic.camera import Camera
from dpt_tf.synthetic.figure import person
from dpt_tf.synthetic.render import render
from dpt_tf.synthetic.skeleton import lively_pose, sample_pose
from dpt_tf.system.errors import UserError

_MOST = 1 << 24  # people in a split
_SPLITS = {"train": 0, "test": 1}
POSES = {"calm": "", "lively": ", lively poses"}  # likewise what they do
TURNS = {"round": "", "near": ", every other view turned by little"}  # likewise how the views of one are turned
BACKDROPS = {  # what `generate` can put people before, and how a data set's description says so
    "studio": "",
    "white": ", white backdrops",
    "every": ", backdrops, cloth and light of every kind",
}


@dataclasses.dataclass(frozen=True)
class Order:
    """What one process has to make."""

    seed: int
    name: str
    views: int
    image_size: int
    faults: bool
    backdrops: str = "studio"
    poses: str = "calm"
    turns: str = "round"


def number(seed: int, split: str, index: int) -> int:
    """The number of person `index` of a split: no two (seed, split, index) share one."""
    if not 0 <= index < _MOST:
        raise ValueError(f"person {index}; a split has room for {_MOST}")
    return (seed * len(_SPLITS) + _SPLITS[split]) * _MOST + index


def is_missing(data_dir: str | os.PathLike) -> bool:
    """Whether nothing has been written to `data_dir`; what a killed `generate` left behind, hidden, is nothing."""
    folder = pathlib.Path(data_dir)
    return not folder.is_dir() or all(entry.name.startswith(".") for entry in folder.iterdir())


def generate(
    data_dir: str | os.PathLike,
    people: int = 2000,
    test_people: int = 100,
    views: int = 8,
    image_size: int = 256,
    seed: int = 0,
    faults: bool = True,
    workers: int | None = None,
    backdrops: str = "studio",
    test_backdrops: str | None = None,
    poses: str = "calm",
    turns: str = "round",
) -> pathlib.Path:
    """Writes `people` to train on and `test_people` strangers, each in `views` views of `image_size` pixels.

    Args:
      data_dir: the folder to write to; replaced as a whole when it holds synthetic people already.
      people: how many in the split `train`.
      test_people: how many in the split `test`.
      views: pictures of each person.
      image_size: height and width of a picture.
      seed: other people for another number.
      faults: whether training maps have the faults of DensePose; test maps never have.
      workers: processes; as many as cores by default. What is written does not depend on it.
      backdrops: `studio`, white to light grey with a tint; `white`; or `every`, for networks that are to paint real
        photos: walls, rooms, streets, parks and more, with finer cloth and light of all sorts. Bodies, poses and maps
        are the same.
      test_backdrops: the same of the split `test`; by default as in training, but `studio` in the place of `every`, so
        that scores compare.
      poses: `calm`, as people stand before a camera; or `lively`, every other of them in motion, and more of them in
        wide clothes, with their hair over a shoulder or under a hat, for networks that are to find any.
      turns: `round`, all the way round in even steps, no two views nearer to each other than that; or `near`, as people
        are photographed and as videos show them: every other view is turned by little from the first, which shows half
        of the people from the front.

    Returns:
      The folder of the prepared data set.

    Raises:
      ValueError: a count is not positive, the number of a person is too large, `seed` is negative, or there are no such
        backdrops, poses or turns.
      OSError: the disk is full.
      UserError: nothing can be written to the folder, or it holds something else.
    """
    from dpt_tf.data import records

    for name, value, least in (
        ("people", people, 1), ("test_people", test_people, 0), ("views", views, 1), ("image_size", image_size, 16),
        ("seed", seed, 0),
    ):  # fmt: skip
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}")
    before = _before(backdrops, test_backdrops)
    if poses not in POSES:
        raise ValueError(f"no such poses: {poses}; have {', '.join(POSES)}")
    if turns not in TURNS:
        raise ValueError(f"no such turns: {turns}; have {', '.join(TURNS)}")
    counts = {"train": people, "test": test_people}
    orders = {
        split: [
            Order(
                number(seed, split, index),
                f"{split}-{index:06d}",
                views,
                image_size,
                faults and split == "train",
                before[split],
                poses,
                turns,
            )
            for index in range(count)
        ]
        for split, count in counts.items()
    }
    total = sum(counts.values()) * views
    with tqdm(total=total, unit="view", desc="synthetic people", smoothing=0.05) as bar:
        # A source for each split: whoever writes them looks at the first of each before taking the rest of any.
        splits = {split: _counted(_make_all(of, workers or os.cpu_count() or 1), bar) for split, of in orders.items()}
        description = _description(views, seed, faults, before, poses, turns)
        return records.write(data_dir, "synthetic", splits, image_size, description).directory


def refuse_others(
    data_dir: str | os.PathLike,
    views: int = 8,
    seed: int = 0,
    faults: bool = True,
    backdrops: str = "studio",
    test_backdrops: str | None = None,
    poses: str = "calm",
    turns: str = "round",
) -> None:
    """Whether the people in `data_dir` are those that `generate` would make, however many.

    Raises:
      UserError: they are others, or no such people are there.
      ValueError: there are no such backdrops.
    """
    from dpt_tf.data import records

    wanted = _description(views, seed, faults, _before(backdrops, test_backdrops), poses, turns)
    there = records.open_prepared(data_dir).description
    if there != wanted:
        raise UserError(f"{data_dir} holds other people ({there}) than these ({wanted}); give another --data_dir")


def _before(backdrops: str, test_backdrops: str | None) -> dict[str, str]:
    """What the people of each split stand before."""
    before = {"train": backdrops, "test": test_backdrops or ("studio" if backdrops == "every" else backdrops)}
    for name in before.values():
        if name not in BACKDROPS:
            raise ValueError(f"no such backdrops: {name}; have {', '.join(BACKDROPS)}")
    return before


def _description(views: int, seed: int, faults: bool, before: dict[str, str], poses: str, turns: str) -> str:
    others = "" if before == _before(before["train"], None) else f"; test before {before['test']}"
    return (
        f"Procedural people with exact IUV: seed {seed}, {views} views, faults {'on' if faults else 'off'}"
        f"{BACKDROPS[before['train']]}{others}{POSES[poses]}{TURNS[turns]}"
    )


def make_item(order: Order) -> Item:
    """One person in one outfit, a different pose in each view."""
    return Item(id=order.name, views=list(make_views(order)))


def make_views(order: Order) -> Iterator[View]:
    """The views of `make_item`, one after the other."""
    who = person(order.seed)
    rng = np.random.default_rng((order.seed, 1))
    studio = Camera.sample(rng)
    if order.backdrops == "white":
        studio = dataclasses.replace(studio, backdrop=(1.0, 1.0, 1.0), gradient=0.0)
    elif order.backdrops == "every":
        who, studio = wardrobe.dressed(who), light.elsewhere(studio, np.random.default_rng((order.seed, 3)))
    if order.poses == "lively":
        who = wardrobe.varied(who)
    start, near = rng.uniform(-180, 180), order.turns == "near"
    if near and rng.random() < 0.5:
        start = rng.normal(0, 25)
    for k in range(order.views):
        rng = np.random.default_rng((order.seed, 2, k))
        turned = start + (rng.normal(0, 25) if near and k % 2 == 0 else 360 * k / order.views + rng.normal(0, 12))
        pose = lively_pose if order.poses == "lively" and rng.random() < 0.5 else sample_pose
        image, iuv, keypoints = render(who, pose(rng, turned), studio.framed_anew(rng), order.image_size)
        if order.faults:
            # A stored map is a mended one, as every reader gives it; what mending leaves of the faults stays.
            iuv, _ = undo_wrap_around(densepose_faults.apply(iuv, rng))
        yield View(name=f"view_{k}", image=_png(image), iuv=_png(iuv), keypoints=keypoints, held_out=False)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=3)
    return buffer.getvalue()


def _make_all(orders: list[Order], workers: int) -> Iterator[Item]:
    """Items in the order asked for."""
    workers = min(workers, len(orders))
    if workers <= 1:
        yield from map(make_item, orders)
        return
    # A forked TensorFlow may hang, so start afresh.
    with futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(make_item, orders)
        except BrokenProcessPool:
            raise UserError(
                "a process that makes people ended; in a script of your own, call synthetic.generate under "
                'if __name__ == "__main__", or with workers=1'
            ) from None


def _counted(items: Iterator[Item], bar: tqdm) -> Iterator[Item]:
    for item in items:
        bar.update(len(item["views"]))
        yield item
