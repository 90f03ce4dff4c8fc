"""Which pair a ready picture is of."""

import pytest

from dpt_tf.evaluation import ready_pictures
from dpt_tf.system.errors import UserError


def test_a_name_that_fits_two_pairs_is_refused(tmp_path):
    pairs = [("p", "p1", "p2_to_p3"), ("p", "p1_to_p2", "p3")]
    (tmp_path / "p1_to_p2_to_p3.png").touch()
    with pytest.raises(UserError, match=r"of p1 -> p2_to_p3 or of p1_to_p2 -> p3; name it p1___p2_to_p3\.png or"):
        ready_pictures.find(tmp_path, pairs)
    (tmp_path / "p1_to_p2_to_p3.png").rename(tmp_path / "p1___p2_to_p3.png")
    (tmp_path / "p1_to_p2___p3.png").touch()
    assert {pair: path.name for pair, path in ready_pictures.find(tmp_path, pairs).items()} == {
        pairs[0]: "p1___p2_to_p3.png",
        pairs[1]: "p1_to_p2___p3.png",
    }


@pytest.mark.parametrize(
    "name",
    [
        "fasionWOMENDressesid0000000101_1front.jpg___fasionWOMENDressesid0000000101_2side.jpg_vis.png",
        "WOMEN-Dresses-id_00000001-01_1_front_to_WOMEN-Dresses-id_00000001-01_2_side.jpg",
        "fashionWOMENDressesid0000000101_1front_2_fashionWOMENDressesid0000000101_2side_vis.jpg",
    ],
)
def test_other_systems_names_are_understood(tmp_path, name):
    item = "WOMEN-Dresses-id_00000001-01"
    pair = (item, f"{item}_1_front", f"{item}_2_side")
    (tmp_path / name).touch()
    assert ready_pictures.find(tmp_path, [pair]) == {pair: tmp_path / name}
