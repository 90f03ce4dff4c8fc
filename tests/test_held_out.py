"""Laws of what `dpt prepare` keeps for testing: how much, where it lies, and what is said of it."""

import numpy as np
import pytest
from albums import person, prepare, save_map, save_photo, stored

from dpt_tf import config
from dpt_tf.data import read, records
from dpt_tf.data.prepare import folders, held_out


def frames(folder, numbers):
    """A person whose photos are called by numbers as they are, without zeros before them."""
    for number in numbers:
        save_photo(folder / f"{number}.png")
        save_map(folder / f"{number}_IUV.png")
    return folder


def names(views) -> list[str]:
    return [name.decode() for name in views["name"]]


@pytest.mark.parametrize("share", [0.01, 0.2, 0.25, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("views", [2, 3, 7, 10, 93])
def test_a_block_is_the_last_stretch_in_one_piece_of_the_share_that_was_asked_for(views, share):
    kept = held_out.stretch(views, share)
    count = min(max(round(share * views), 1), views - 1)
    assert kept.tolist() == [False] * (views - count) + [True] * count


@pytest.mark.parametrize(
    ("views", "share", "start", "first", "count"),
    [(10, 0.2, 0.4, 4, 2), (10, 0.2, 0.0, 0, 2), (10, 0.3, 0.95, 7, 3), (93, 0.2, 0.4, 37, 19), (2, 0.9, 0.5, 1, 1)],
)
def test_a_block_begins_where_it_was_asked_to(views, share, start, first, count):
    assert np.flatnonzero(held_out.stretch(views, share, start)).tolist() == list(range(first, first + count))


@pytest.mark.parametrize(("views", "n"), [(7, 3), (10, 5), (4, 5), (2, 2)])
def test_every_nth_is_held_out_and_nothing_between(views, n):
    assert np.flatnonzero(held_out.every_nth(views, n)).tolist() == list(range(n - 1, views, n))


def test_numbers_in_names_count_by_their_value():
    ordered = ["a", "a1", "a2", "a10", "a10b", "b", "b_2_9", "b_2_10", "b_11_1", "c01", "c1", "c02"]
    for shuffled in (ordered[::-1], sorted(ordered)):
        assert sorted(shuffled, key=held_out.by_numbers) == ordered


def test_photos_and_people_are_in_the_order_of_the_numbers_in_their_names(tmp_path):
    for number in (10, 9, 2):
        frames(tmp_path / f"person{number}", [1, 2, 10, 11])
    found = folders.find(tmp_path)
    assert list(found.people) == ["person2", "person9", "person10"]
    assert [photo.stem for photo, _ in found.people["person9"]] == ["1", "2", "10", "11"]


@pytest.mark.parametrize(
    ("stems", "wanted"),
    [
        (["1", "2", "10", "11", "12"], True),
        (["frame_0000", "frame_0004", "frame_0008", "frame_0016"], True),
        (["walk2_00001_small", "walk2_00002_small", "walk2_00003_small"], True),
        (["1", "2"], False),
        (["front", "side", "back"], False),
        (["a1", "b2", "c3"], False),
        (["1", "2", "3", "front"], False),
        (["3163710", "3163999", "3170001", "3171520"], False),
    ],
)
def test_frames_of_a_video_are_known_by_their_numbers(stems, wanted):
    assert held_out.look_like_frames(stems) is wanted
    assert held_out.look_like_frames(stems[::-1]) is wanted


def test_a_block_is_held_out_of_each_person_alone_and_never_trained_on(tmp_path):
    frames(tmp_path / "in" / "anna", range(1, 13))
    frames(tmp_path / "in" / "bea", range(8, 11))
    assert prepare(tmp_path / "in", tmp_path / "out", "--hold_out_block=0.25") == 0
    train, test = stored(tmp_path / "out"), stored(tmp_path / "out", "test")
    assert names(train["anna"]) == [f"{number}.png" for number in range(1, 10)]
    assert names(test["anna"]) == [f"{number}.png" for number in range(1, 13)]
    assert test["anna"]["held_out"].tolist() == [0] * 9 + [1] * 3
    assert names(train["bea"]) == ["8.png", "9.png"]
    assert test["bea"]["held_out"].tolist() == [0, 0, 1]

    pairs = read.list_eval_pairs(tmp_path / "out")
    assert [(item, target) for item, _, target in pairs] == [
        *(("anna", f"{number}.png") for number in (10, 11, 12)),
        ("bea", "10.png"),
    ]
    assert all(source in names(train[item]) for item, source, _ in pairs)
    hparams = config.preset("small").replace(image_size=32, batch_size=1)
    assert read.steps_per_epoch(tmp_path / "out", hparams, "joint") == 9**2 + 2**2


def test_the_same_folder_is_split_alike_again(tmp_path):
    frames(tmp_path / "in", range(1, 13))
    written = []
    for output in ("one", "two"):
        assert prepare(tmp_path / "in", tmp_path / output, "--hold_out_block=0.3") == 0
        written += [records.open_prepared(tmp_path / output)]
    one, two = (sorted(prepared.directory.glob("*.tfrecord*")) for prepared in written)
    assert len(one) == 2
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_views_that_cannot_be_used_do_not_count(tmp_path):
    folder = frames(tmp_path / "in", range(1, 11))
    for number in (9, 10):
        save_photo(folder / f"{number}_IUV.png", colour=(0, 0, 0))
    assert prepare(folder, tmp_path / "out", "--hold_out_block=0.25", "--skip_bad") == 0
    test = stored(tmp_path / "out", "test")["in"]
    assert [name for name, held in zip(names(test), test["held_out"], strict=True) if held] == ["7.png", "8.png"]


@pytest.mark.parametrize(
    ("numbers", "flag", "video", "few"),
    [
        (range(1, 7), "--hold_out=5", True, "1 test pair: scores of fewer than 10 mean little"),
        (range(1, 25), "--hold_out=2", True, ""),
        (["front", "back", "side", "sitting"], "--hold_out=2", False, "2 test pairs: scores of fewer than 10"),
        (range(1, 25), "--hold_out_block=0.5", False, ""),
        (range(1, 25), "--hold_out_block=0.2", False, "5 test pairs: scores of fewer than 10"),
        (range(1, 25), "--hold_out=0", False, ""),
    ],
)
def test_what_scores_are_worth_is_said_where_it_is_little(tmp_path, capsys, numbers, flag, video, few):
    frames(tmp_path / "anna", numbers)
    assert prepare(tmp_path / "anna", tmp_path / "out", flag) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  note")]
    assert len(notes) == video + bool(few)
    assert not few or few in notes[0]
    assert not video or ("the photos of anna are numbered in a row" in notes[-1] and "--hold_out_block" in notes[-1])


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["--hold_out_block=1"], "between 0 and 1"),
        (["--hold_out_block=-0.2"], "between 0 and 1"),
        (["--hold_out_block=nan"], "between 0 and 1"),
        (["--hold_out_block=x"], "--hold_out_block"),
        (["--hold_out_from=0.5"], "give both, or neither"),
        (["--hold_out_block=0.2", "--hold_out_from=1"], "--hold_out_from=1: give a share between 0 and 1"),
        (["--hold_out_block=0.2", "--hold_out_from=nan"], "give a share between 0 and 1"),
        (["--hold_out=2", "--hold_out_block=0.2"], "--hold_out and --hold_out_block are 2 ways"),
        (["--test_people=1", "--hold_out_block=0.2"], "--hold_out_block and --test_people are 2 ways"),
        (["--hold_out=2", "--test_people=1", "--hold_out_block=0.2"], "give one of them"),
    ],
)
def test_shares_and_combinations_that_make_no_sense_are_refused(tmp_path, capsys, flags, wanted):
    person(tmp_path / "in")
    assert prepare(tmp_path / "in", tmp_path / "out", *flags) == 2
    assert wanted in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_of_real_frames_the_last_fifth_is_held_out(realdata, tmp_path, capsys):
    assert prepare(realdata / "taichi_video", tmp_path / "out", "--hold_out_block=0.2") == 0
    report = capsys.readouterr().out
    assert "train  65 views" in report
    assert "test   81 views, 16 pairs" in report
    assert "note" not in report
    test = stored(tmp_path / "out", "test")["taichi_video"]
    assert test["held_out"].tolist() == [0] * 65 + [1] * 16
    assert names(test) == sorted(names(test))
