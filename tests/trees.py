"""Trees of made people in the layouts of DeepFashion and MVC, so that what reads those can be run without them.

  python tests/trees.py deepfashion OUT --items 4000 --views 5 --test_items 200 --flaws
  python tests/trees.py mvc OUT --items 60 --views 4 --size 480 --naming links

DeepFashion: `Img/img/WOMEN/Dresses/id_00000001/01_1_front.jpg`, maps as DeepFashion-MultiModal names and orders them
(`densepose/WOMEN-Dresses-id_00000001-01_1_front_densepose.png`, R = V, G = U, B = I), keypoint and pair lists as DSC
publishes them. MVC: pictures named as linked, `<style>-<view>-4x.jpg`, as labelled, `p<product>_s<style>_v<view>.jpg`,
or `<view>.jpg` in folders by style, maps beside them, the JSON files that list them.
With `--flaws` every 50th picture has no map, every 97th map went through JPEG, every 211th picture is cut short, and
every 10th item has a picture of the garment alone.
"""

import argparse
import dataclasses
import io
import itertools
import json
import multiprocessing
import pathlib
import random

import numpy as np
from PIL import Image

from dpt_tf.data import pairing, records
from dpt_tf.data.prepare.catalogue import KEYPOINT_FRAME
from dpt_tf.synthetic import dataset

CATEGORIES = (
    "WOMEN/Dresses",
    "MEN/Tees_Tanks",
    "WOMEN/Blouses_Shirts",
    "MEN/Jackets_Vests",
    "WOMEN/Skirts",
    "WOMEN/Rompers_Jumpsuits",
)
VIEWS = ("1_front", "2_side", "3_back", "4_full", "7_additional")
MVC_VIEWS = ("p", "1", "2", "3", "4", "5", "7")


@dataclasses.dataclass(frozen=True)
class Tree:
    """What to make."""

    layout: str
    folder: pathlib.Path
    items: int
    views: int
    size: int = 256
    test_items: int = 0
    flaws: bool = False
    seed: int = 0
    naming: str = "links"
    """MVC's: `links`, `labels` or `folders`."""


def make(tree: Tree, workers: int = 1) -> None:
    """Writes the tree."""
    make_one = {"deepfashion": _deepfashion_item, "mvc": _mvc_item}[tree.layout]
    jobs = zip(itertools.repeat(tree), range(tree.items), strict=False)
    if workers == 1:
        made = [make_one(*job) for job in jobs]
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            made = pool.starmap(make_one, jobs, chunksize=8)
    {"deepfashion": _deepfashion_lists, "mvc": _mvc_lists}[tree.layout](tree, made)


def _person(tree: Tree, number: int) -> records.Item:
    return dataset.make_item(dataset.Order(tree.seed * (1 << 24) + number, str(number), tree.views, tree.size, True))


def deepfashion_item(number: int) -> tuple[str, str, str]:
    """Category, id and colour of the item: two in a row are one garment in two colours."""
    garment, colour = divmod(number, 2)
    return CATEGORIES[garment % len(CATEGORIES)], f"id_{garment + 1:08d}", f"{colour + 1:02d}"


def dsc_name(category: str, item: str, colour: str, view: str) -> str:
    """What DSC calls a picture."""
    flat = category.replace("/", "").replace("_", "")
    return f"fasion{flat}{item.replace('_', '')}{colour}_{view.replace('_', '', 1)}.jpg"


def _deepfashion_item(tree: Tree, number: int) -> list[tuple[str, np.ndarray]]:
    category, item, colour = deepfashion_item(number)
    photos, maps = tree.folder / "Img/img" / category / item, tree.folder / "densepose"
    photos.mkdir(parents=True, exist_ok=True)
    maps.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, (view, shot) in enumerate(zip(VIEWS, _person(tree, number)["views"], strict=False)):
        running = number * tree.views + index + 1
        stem = f"{category.replace('/', '-')}-{item}-{colour}_{view}"
        _write(tree, running, shot, photos / f"{colour}_{view}.jpg", maps / f"{stem}_densepose.png")
        joints = shot["keypoints"]
        in_square = np.where(joints >= 0, joints * KEYPOINT_FRAME // tree.size, -1)
        rows.append((dsc_name(category, item, colour, view), in_square))
    if tree.flaws and number % 10 == 0:
        Image.new("RGB", (tree.size, tree.size), "white").save(photos / f"{colour}_6_flat.jpg")
    return rows


def _write(tree: Tree, running: int, shot: records.View, photo: pathlib.Path, mapped: pathlib.Path) -> None:
    jpeg = io.BytesIO()
    Image.open(io.BytesIO(shot["image"])).convert("RGB").save(jpeg, "JPEG", quality=92)
    data = jpeg.getvalue()
    photo.write_bytes(data[: len(data) // 2] if tree.flaws and running % 211 == 0 else data)
    if tree.flaws and running % 50 == 0:
        return
    stored = Image.fromarray(np.asarray(Image.open(io.BytesIO(shot["iuv"])))[..., ::-1])
    if tree.flaws and running % 97 == 0:
        jpeg = io.BytesIO()
        stored.save(jpeg, "JPEG", quality=90)
        stored = Image.open(jpeg)
    stored.save(mapped)


def _deepfashion_lists(tree: Tree, made: list[list[tuple[str, np.ndarray]]]) -> None:
    rng = random.Random(tree.seed)
    order = list(range(tree.items))
    rng.shuffle(order)
    for split, items in (("test", order[: tree.test_items]), ("train", order[tree.test_items :])):
        rows = [row for item in items for row in made[item]]
        rng.shuffle(rows)
        for prefix, crop in (("fasion-", 0), ("fasion-resize-", 40)):
            # PATN's columns count from the 41st of 256; a joint left of it is missing there.
            shifted = [
                (name, np.where((points >= (0, crop)).all(1)[:, None], points - (0, crop), -1)) for name, points in rows
            ]
            lines = [f"{name}: {points[:, 0].tolist()}: {points[:, 1].tolist()}" for name, points in shifted]
            _write_lines(tree.folder / f"{prefix}annotation-{split}.csv", ["name:keypoints_y:keypoints_x", *lines])
        pairs = pairing.ordered_pairs(dict(rows))
        rng.shuffle(pairs)
        if split == "test":
            _write_lines(tree.folder / "fasion-pairs-test.csv", ["from,to", *(",".join(pair) for pair in pairs)])


def _write_lines(path: pathlib.Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def mvc_stem(naming: str, product: int, style: int, view: str) -> str:
    """Where a picture of MVC is, without its suffix."""
    if naming == "labels":
        return f"p{product}_s{style}_v{MVC_VIEWS.index(view)}"
    return f"{style}/{view}" if naming == "folders" else f"{style}-{view}-4x"


def _mvc_item(tree: Tree, number: int) -> list[tuple[int, int, str]]:
    product, style = 7000000 + number // 2, 3000000 + number
    rows = []
    for index, (view, shot) in enumerate(zip(MVC_VIEWS, _person(tree, number)["views"], strict=False)):
        running = number * tree.views + index + 1
        photo = tree.folder / f"{mvc_stem(tree.naming, product, style, view)}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        _write(tree, running, shot, photo, photo.with_name(f"{photo.stem}_IUV.png"))
        rows.append((product, style, view))
    return rows


def _mvc_lists(tree: Tree, made: list[list[tuple[int, int, str]]]) -> None:
    for name, rows in mvc_rows([row for item in made for row in item]).items():
        (tree.folder / name).write_text(json.dumps(rows))


def mvc_rows(pictures: list[tuple[int, int, str]]) -> dict[str, list[dict[str, object]]]:
    """MVC's lists by file name, quotes inside the strings and all."""
    lists: dict[str, list[dict[str, object]]] = {
        "image_links.json": [],
        "attribute_labels.json": [],
        "mvc_info.json": [],
    }
    for product, style, view in pictures:
        link = {"image_url_4x": f"http://www.example.com/images/z/{'/'.join(str(style)[:6])}/{style}-{view}-4x.jpg"}
        lists["image_links.json"].append(link)
        lists["attribute_labels.json"].append(
            {"filename": mvc_stem("labels", product, style, view), "itemN": f"{style}", "Red": 0, "Long Sleeve": 1}
        )
        lists["mvc_info.json"].append(
            {
                "productId": f"'{product}'",
                "styleId": f"'{style}'",
                "viewId": MVC_VIEWS.index(view),
                "productGender": '"Women"',
                "category": '"Dresses"',
                **link,
            }
        )
    return lists


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layout", choices=("deepfashion", "mvc"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--views", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--test_items", type=int, default=4)
    parser.add_argument("--flaws", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--naming", choices=("links", "labels", "folders"), default="links")
    parser.add_argument("--workers", type=int, default=1)
    args = vars(parser.parse_args())
    workers = args.pop("workers")
    make(Tree(**args), workers)


if __name__ == "__main__":
    main()
