"""Laws of pairing views up."""

import csv
import itertools

import numpy as np
import pytest

from dpt_tf.data import pairing
from dpt_tf.data.keypoints import read_keypoints
from dpt_tf.system.errors import UserError


def seen(*missing: int) -> np.ndarray:
    points = np.full((18, 2), 7, np.int32)
    points[list(missing)] = -1
    return points


def test_each_of_shoulders_and_hips_is_needed_and_no_other_joint():
    for joint in range(18):
        assert pairing.usable(np.array([seen(joint)]), "joints")[0] == (joint not in (2, 5, 8, 11))
    assert pairing.usable(np.array([seen(*range(18))]), "all")[0]


def test_counts_of_parts_are_the_counts_of_the_whole():
    items = [np.array([seen(), seen(2), seen()]), np.array([seen(*range(18))]), np.array([seen(), seen()])]
    whole, parts = pairing.SplitCounts(), [pairing.SplitCounts() for _ in items]
    for item, part in zip(items, parts, strict=True):
        whole.add("test", item, np.zeros(len(item), bool), "joints")
        part.add("test", item, np.zeros(len(item), bool), "joints")
    total = pairing.SplitCounts()
    for part in parts:
        total.merge(part)
    assert total == whole == pairing.SplitCounts(items=3, views=6, pairs=2 + 0 + 2, keypoints=True)
    whole.add("test", items[1], np.zeros(1, bool), "all")
    assert not whole.keypoints


def test_a_list_of_pairs_survives_writing_in_its_order(tmp_path):
    pairs = [("b, c", "2", "1"), ("a", "1", "2"), ("b, c", "1", "2")]
    pairing.write_list(tmp_path / "pairs.csv", pairs)
    assert pairing.read_list(tmp_path / "pairs.csv") == pairs
    (tmp_path / "pairs.csv").write_text("from,to\na,b\n")
    with pytest.raises(UserError, match=r"pairs.csv: not a list of item,source,target"):
        pairing.read_list(tmp_path / "pairs.csv")


def test_test_pairs_without_held_out_views_are_all_of_distinct_views():
    pairs = pairing.test_pairs(np.zeros(4, bool))
    assert [tuple(pair) for pair in pairs] == list(itertools.permutations(range(4), 2))


def test_each_held_out_view_is_the_target_of_one_free_source():
    held_out = np.array([0, 1, 0, 0, 1, 1], bool)
    pairs = pairing.test_pairs(held_out, seed=3)
    assert pairs[:, 1].tolist() == [1, 4, 5]
    assert not held_out[pairs[:, 0]].any()
    assert np.array_equal(pairs, pairing.test_pairs(held_out, seed=3))
    draws = [pairing.test_pairs(held_out, seed=seed).tolist() for seed in range(10)]
    assert any(draw != draws[0] for draw in draws)


def test_pairs_need_shoulders_and_hips_of_both_and_stay_within_the_item():
    whole = np.ones((18, 2), int)
    hipless = whole.copy()
    hipless[8] = -1
    noseless = whole.copy()
    noseless[0] = -1
    keypoints = {"x_y_1.jpg": whole, "x_y_2.jpg": noseless, "x_y_3.jpg": hipless, "x_z_1.jpg": whole}
    assert pairing.ordered_pairs(keypoints) == [("x_y_1.jpg", "x_y_2.jpg"), ("x_y_2.jpg", "x_y_1.jpg")]


def test_the_papers_8670_test_pairs_follow_from_its_annotations(realdata):
    keypoints = read_keypoints(realdata / "protocol" / "dsc_fasion-annotation-test.csv")
    with (realdata / "protocol" / "dsc_fasion-pairs-test.csv").open() as file:
        wanted = [tuple(row) for row in csv.reader(file)][1:]
    pairs = pairing.ordered_pairs(keypoints)
    assert len(pairs) == len(wanted) == 8670
    assert set(pairs) == set(wanted)
