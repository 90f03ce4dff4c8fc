"""Laws of DeepFashion's names, lists and splits. The files are empty: a catalogue opens no picture."""

import csv
import json
import pathlib

import numpy as np
import pytest
import trees

from dpt_tf.data.prepare import deepfashion
from dpt_tf.data.prepare.catalogue import Outfit, hold_out
from dpt_tf.system.errors import UserError

NAME = "WOMEN-Blouses_Shirts-id_00000442-01_2_side"
SEEN = np.tile(np.arange(60, 78, dtype=np.int32)[:, None], 2)


def touch(folder: pathlib.Path, *names: str) -> pathlib.Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def annotate(path: pathlib.Path, names, points: np.ndarray = SEEN) -> None:
    lines = [f"{name}: {points[:, 0].tolist()}: {points[:, 1].tolist()}" for name in names]
    path.write_text("\n".join(["name:keypoints_y:keypoints_x", *lines]))


@pytest.mark.parametrize(
    "path",
    [
        "/data/Img/img/WOMEN/Blouses_Shirts/id_00000442/01_2_side",
        "/data/MEN and others/Img/img_highres/WOMEN/Blouses_Shirts/id_00000442/01_2_side",
        "fasionWOMENBlousesShirtsid0000044201_2side",
        "fashionWOMENBlouses_Shirtsid0000044201_2side",
        "x/WOMEN-Blouses_Shirts-id_00000442-01_2_side",
        "WOMEN#Blouses_Shirts#id_00000442#01_2_side",
    ],
)
def test_every_name_of_a_picture_means_the_same(path):
    assert deepfashion.key(path) == NAME
    assert deepfashion.item_of(NAME) == "WOMEN-Blouses_Shirts-id_00000442-01"


def test_men_are_not_women_and_colours_are_apart():
    assert deepfashion.key("fasionMENTeesTanksid0000347017_3back") == "MEN-Tees_Tanks-id_00003470-17_3_back"
    assert deepfashion.key("MEN/Tees_Tanks/id_00003470/18_3_back") == "MEN-Tees_Tanks-id_00003470-18_3_back"


@pytest.mark.parametrize(
    "path", ["holiday/DSC_0001", "WOMEN/Dresses/id_0000442/01_2_side", "WOMEN/Dresses/id_00000442/01"]
)
def test_other_names_mean_nothing(path):
    assert deepfashion.key(path) is None


def test_the_protocol_has_exactly_the_published_pairs_in_their_order(realdata, tmp_path):
    annotation = realdata / "protocol" / "dsc_fasion-annotation-test.csv"
    with (realdata / "protocol" / "dsc_fasion-pairs-test.csv").open() as file:
        published = list(csv.reader(file))[1:]
    (tmp_path / "fasion-annotation-test.csv").write_text(annotation.read_text())
    annotate(tmp_path / "fasion-annotation-train.csv", ["fasionWOMENDressesid0000000101_1front.jpg"])
    names = [line.split(":")[0] for line in annotation.read_text().splitlines()[1:]]
    for name in [*names, "fasionWOMENDressesid0000000101_1front.jpg"]:
        touch(tmp_path, f"img/{name}", f"iuv/{name[:-4]}_IUV.png")
    by_rule = deepfashion.catalogue(tmp_path, "dsc")
    (tmp_path / "fasion-pairs-test.csv").write_text((realdata / "protocol" / "dsc_fasion-pairs-test.csv").read_text())
    by_list = deepfashion.catalogue(tmp_path, "dsc")
    assert len(by_list.splits["test"]) == 1000
    assert sum(len(outfit.shots) for outfit in by_list.splits["test"]) == 4061
    assert not by_list.faults
    keys = [tuple(deepfashion.key(name[:-4]) for name in pair) for pair in published]
    assert [pair[1:] for pair in by_list.pairs] == keys
    assert len(set(keys)) == 8670
    assert set(by_rule.pairs) == set(by_list.pairs)
    assert len(by_rule.pairs) == 8670


def test_a_high_resolution_picture_comes_after_the_small_one_and_its_map_serves_both(tmp_path):
    for tree in ("img_highres", "img"):
        touch(tmp_path, f"Img/{tree}/WOMEN/Dresses/id_00000001/01_1_front.jpg")
        touch(tmp_path, f"Img/{tree}/WOMEN/Dresses/id_00000001/01_2_side.jpg")
    touch(tmp_path, "densepose/Img/img_highres/WOMEN/Dresses/id_00000001/01_1_front.png")
    touch(tmp_path, "Img/img_highres/WOMEN/Dresses/id_00000001/01_2_side.npy")
    found = deepfashion.catalogue(tmp_path, "all")
    (outfit,) = found.splits["train"]
    assert [shot.photo for shot in outfit.shots] == [
        str(tmp_path / "Img/img/WOMEN/Dresses/id_00000001/01_1_front.jpg"),
        str(tmp_path / "Img/img/WOMEN/Dresses/id_00000001/01_2_side.jpg"),
    ]
    assert [pathlib.Path(shot.map).suffix for shot in outfit.shots] == [".png", ".npy"]
    assert "2 pictures are there more than once" in found.notes[0]


def test_patn_counts_columns_from_its_crop(tmp_path):
    name = "fashionWOMENDressesid0000000101_1front"
    touch(tmp_path, f"{name}.jpg", f"{name}_IUV.png", "fashionWOMENDressesid0000000201_1front.jpg")
    points = SEEN.copy()
    points[3] = -1
    annotate(tmp_path / "fasion-resize-annotation-train.csv", [name + ".jpg"], points)
    annotate(tmp_path / "fasion-resize-annotation-test.csv", ["fashionWOMENDressesid0000000201_1front.jpg"])
    found = deepfashion.catalogue(tmp_path, "patn")
    joints = found.splits["train"][0].shots[0].keypoints
    assert joints[0].tolist() == [60, 100]
    assert joints[3].tolist() == [-1, -1]
    assert [(fault.kind, pathlib.Path(fault.path).name) for fault in found.faults] == [
        ("no map", "fashionWOMENDressesid0000000201_1front.jpg")
    ]


def test_the_garment_alone_is_left_out_and_said(tmp_path):
    item = "WOMEN-Dresses-id_00000001-01"
    touch(
        tmp_path,
        f"{item}_1_front.jpg",
        f"{item}_1_front_densepose.png",
        f"{item}_6_flat.jpg",
        f"{item}_1_front_segm.png",
    )
    found = deepfashion.catalogue(tmp_path, "all")
    assert [(fault.kind, pathlib.Path(fault.path).name) for fault in found.faults] == [
        ("garment without a person", f"{item}_6_flat.jpg")
    ]


def test_a_dump_counts_as_the_map_of_what_it_names(tmp_path, monkeypatch):
    photo = touch(tmp_path, "Img/img/WOMEN/Dresses/id_00000001/01_1_front.jpg", "all.pkl") / "all.pkl"
    named = "/elsewhere/fasionWOMENDressesid0000000101_1front.jpg"
    monkeypatch.setattr("dpt_tf.iuv.photos", lambda path: (named, "/elsewhere/holiday.jpg"))
    shot = deepfashion.catalogue(tmp_path, "all").splits["train"][0].shots[0]
    assert (shot.map, shot.entry) == (str(photo), named)


def test_test_items_are_drawn_by_seed_and_ids_alone():
    outfits = [Outfit(f"{number:05d}", ()) for number in range(20_000)]
    train, test = hold_out(outfits, 0)
    assert len(test) == 1000
    assert sorted(o.id for o in train + test) == [o.id for o in outfits]
    assert hold_out(outfits[::-1], 0) == (train, test)
    assert hold_out(outfits, 1)[1] != test
    assert [len(part) for part in hold_out(outfits[:1], 0)] == [1, 0]
    assert hold_out([], 0) == ([], [])


def _no_picture(folder):
    touch(folder, "holiday.jpg")


def _no_map(folder):
    touch(folder, "WOMEN-Dresses-id_00000001-01_1_front.jpg", "WOMEN-Dresses-id_00000002-01_1_front_IUV.png")


def _no_list(folder):
    touch(folder, "WOMEN-Dresses-id_00000001-01_1_front.jpg", "WOMEN-Dresses-id_00000001-01_1_front_IUV.png")


def _two_lists(folder):
    _no_list(folder)
    annotate(touch(folder, "a/x") / "a" / "fasion-annotation-train.csv", [])
    annotate(folder / "fasion-annotation-train.csv", [])


def _other_names(folder):
    _no_list(folder)
    annotate(folder / "fasion-annotation-train.csv", ["holiday.jpg"])


def _both_splits(folder):
    _no_list(folder)
    for split in ("train", "test"):
        annotate(folder / f"fasion-annotation-{split}.csv", ["fasionWOMENDressesid0000000101_1front.jpg"])


def _no_pairs(folder):
    _both_splits(folder)
    (folder / "fasion-pairs-test.csv").write_text("a,b,c\n")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (_no_picture, "no picture named as DeepFashion's are"),
        (_no_map, "no IUV map of any of its 1 pictures"),
        (_no_list, r"no keypoint list for training, fasion-annotation-train\.csv"),
        (_two_lists, "are two lists for one thing"),
        (_other_names, r"fasion-annotation-train\.csv: holiday\.jpg is no name of a DeepFashion picture"),
        (_both_splits, "WOMEN-Dresses-id_00000001-01 is in train and test"),
        (_no_pairs, r"fasion-pairs-test\.csv: not a pair list"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line_with_the_remedy(tmp_path, prepare, message):
    prepare(tmp_path)
    with pytest.raises(UserError, match=message) as raised:
        deepfashion.catalogue(tmp_path, "dsc")
    assert str(tmp_path) in str(raised.value) or "is in train and test" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="absent: no such folder"):
        deepfashion.catalogue(tmp_path / "absent", "all")


def test_the_made_tree_is_what_its_lists_say(tmp_path):
    trees.make(trees.Tree("deepfashion", tmp_path, items=3, views=3, size=48, test_items=1))
    found = deepfashion.catalogue(tmp_path, "dsc")
    assert {split: len(outfits) for split, outfits in found.splits.items()} == {"train": 2, "test": 1}
    assert json.dumps(found.notes + found.faults) == "[]"
