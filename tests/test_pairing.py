"""Laws of pairing views up."""

import numpy as np
import pytest

from dpt_tf.data import pairing
from dpt_tf.system.errors import UserError


def seen(*missing: int) -> np.ndarray:
    points = np.full((18, 2), 7, np.int32)
    points[list(missing)] = -1
    return points


def test_each_of_shoulders_and_hips_is_needed_and_no_other_joint():
    for joint in range(18):
        assert pairing.usable(np.array([seen(joint)]), "joints")[0] == (joint not in (2, 5, 8, 11))
    assert pairing.usable(np.array([seen(*range(18))]), "all")[0]


def test_a_census_of_parts_is_the_census_of_the_whole():
    items = [np.array([seen(), seen(2), seen()]), np.array([seen(*range(18))]), np.array([seen(), seen()])]
    whole, parts = pairing.Census(), [pairing.Census() for _ in items]
    for item, part in zip(items, parts, strict=True):
        whole.add("test", item, np.zeros(len(item), bool), "joints")
        part.add("test", item, np.zeros(len(item), bool), "joints")
    total = pairing.Census()
    for part in parts:
        total.merge(part)
    assert total == whole == pairing.Census(items=3, views=6, pairs=2 + 0 + 2, keypoints=True)
    whole.add("test", items[1], np.zeros(1, bool), "all")
    assert not whole.keypoints


def test_a_list_of_pairs_survives_writing_in_its_order(tmp_path):
    pairs = [("b, c", "2", "1"), ("a", "1", "2"), ("b, c", "1", "2")]
    pairing.write_list(tmp_path / "pairs.csv", pairs)
    assert pairing.read_list(tmp_path / "pairs.csv") == pairs
    (tmp_path / "pairs.csv").write_text("from,to\na,b\n")
    with pytest.raises(UserError, match=r"pairs.csv: not a list of item,source,target"):
        pairing.read_list(tmp_path / "pairs.csv")
