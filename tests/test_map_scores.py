"""Laws of the scores of maps, and a map small enough to be counted by hand."""

import csv
import json

import numpy as np
import pytest
from people import striped, upright
from PIL import Image

from dpt_tf import iuv
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.iuv.symmetry import LAW
from dpt_tf.metrics import maps

# The true person has five pixels: torso front twice, thigh, hand and head.
TRUE = np.array([[[2, 0, 0], [2, 100, 100], [9, 10, 10], [3, 0, 0], [24, 5, 5], [0, 0, 0]]], np.uint8)
# Right but (3, 4) apart, torso back, the other thigh, a hand as background, the head right; a pixel too many.
FOUND = np.array([[[2, 3, 4], [1, 100, 100], [10, 10, 10], [0, 0, 0], [24, 5, 5], [1, 0, 0]]], np.uint8)


def another(seed: int) -> np.ndarray:
    """The upright person with blocks of it called something else, and U and V astray everywhere."""
    rng = np.random.default_rng(seed)
    made = upright(48, 40)
    spots = rng.random((12, 10)).repeat(4, 0).repeat(4, 1) < 0.3
    made[spots, 0] = rng.integers(0, 25, (12, 10), np.uint8).repeat(4, 0).repeat(4, 1)[spots]
    made[..., 1:] = np.clip(made[..., 1:].astype(int) + rng.integers(-20, 21, (48, 40, 2)), 0, 255)
    made[made[..., 0] == 0] = 0
    return made


def test_a_pair_counted_by_hand():
    found = maps.MapScores().update(TRUE, FOUND)
    # Both call four pixels person, six are called so by one of them.
    assert found["foreground IoU"] == pytest.approx(4 / 6)
    # Torso front 1 of 2, thigh 0 of 1, hand 0 of 1, head 1 of 1.
    assert found["mean part IoU"] == pytest.approx((1 / 2 + 0 + 0 + 1) / 4)
    assert found["part accuracy on the body"] == pytest.approx(2 / 4)
    assert found["part accuracy on the true person"] == pytest.approx(2 / 5)
    # Front as front, front as back, front of a thigh as front of the other.
    assert found["front/back accuracy"] == pytest.approx(2 / 3)
    # The errors are 5 levels and none.
    assert found["mean U-V error in texels"] == pytest.approx(2.5)
    assert found["median U-V error in texels"] == pytest.approx(2.5)
    assert found["mean U-V error"] == pytest.approx(2.5 / 255)
    # 5 levels are 0.0196 of a chart.
    assert found["right within 0.02"] == pytest.approx(2 / 5)
    assert found["area of right within 0.3"] == pytest.approx((1 + 1 - 5 / 255 / 0.3) / 5)


def test_an_error_of_a_threshold_itself_is_not_below_it():
    y, y_hat = (np.array([[[1, u, 0]]], np.uint8) for u in (0, 51))  # 0.2 of a chart
    found = maps.scores(maps.count(y, y_hat))
    assert (found["right within 0.15"], found["right within 0.2"], found["right within 0.3"]) == (0, 0, 1)


def test_a_perfect_map_scores_perfectly():
    for name, value in maps.MapScores().update(upright(48, 40), upright(48, 40)).items():
        assert value == (1 if maps.HIGHER_IS_BETTER[name] else 0), name


def test_the_median_is_numpys():
    y, y_hat = upright(48, 40), another(0)
    right = (y[..., 0] == y_hat[..., 0]) & (y[..., 0] > 0)
    errors = np.linalg.norm(y[right][:, 1:].astype(float) - y_hat[right][:, 1:], axis=-1)
    found = maps.scores(maps.count(y, y_hat))
    assert found["median U-V error in texels"] == pytest.approx(np.median(errors))
    assert found["mean U-V error in texels"] == pytest.approx(errors.mean())
    ends = np.linspace(0, 0.3, 1001)
    curve = [(errors / 255 < end).sum() / (y[..., 0] > 0).sum() for end in ends]
    assert found["area of right within 0.3"] == pytest.approx(np.trapezoid(curve, ends) / 0.3, abs=5e-4)


def test_in_a_mirror_every_score_stays_as_it_is():
    y, y_hat = upright(48, 40), another(1)
    mirrored = maps.scores(maps.count(iuv.mirror(y), iuv.mirror(y_hat)))
    assert mirrored == pytest.approx(maps.scores(maps.count(y, y_hat)))


def test_left_and_right_exchanged_is_wrong_but_on_the_right_side():
    y = upright(48, 40)
    found = maps.scores(maps.count(y, LAW[y[..., 0]] ^ (y & np.array([0, 255, 255], np.uint8))))
    assert found["front/back accuracy"] == 1
    torso = (y[..., 0] == 2).sum() / (y[..., 0] > 0).sum()
    assert found["part accuracy on the body"] == pytest.approx(torso) != 1


def test_front_and_back_exchanged_is_never_on_the_right_side():
    y = upright(48, 40)
    y_hat = y.copy()
    for back, front in ((1, 2), (7, 9), (8, 10)):
        y_hat[..., 0][y[..., 0] == front] = back
    assert maps.scores(maps.count(y, y_hat))["front/back accuracy"] == 0


def test_every_part_with_two_sides_is_in_the_pairs_once():
    sided = [part for sides in maps.PAIRS_OF_SIDES.values() for side in sides for part in side]
    assert sorted(sided) == [1, 2, *range(7, 23)]
    for (one, other), name in zip(maps.PAIRS_OF_SIDES.values(), maps.PAIRS_OF_SIDES, strict=True):
        words = ("inside", "outside") if "arms" in name else ("back", "front")
        for side, word in zip((one, other), words, strict=True):
            assert all(iuv.PART_NAMES[part].endswith(word) for part in side)


def test_streaming_equals_at_once_and_stops_and_resumes():
    ys, ys_hat = [upright(48, 40)] * 3, [another(seed) for seed in range(3)]
    streamed, again = maps.MapScores(), maps.MapScores()
    for y, y_hat in zip(ys, ys_hat, strict=True):
        again.restore(streamed.state())
        streamed.update(y, y_hat)
        again.update(y, y_hat)
    at_once = maps.MapScores()
    at_once.update(np.stack(ys), np.stack(ys_hat))
    assert streamed.result() == at_once.result() == again.result()
    assert streamed.part_ious() == at_once.part_ious()


def test_what_is_not_there_has_no_score():
    nobody, somebody = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 3, np.uint8)
    assert all(np.isnan(value) for value in maps.scores(maps.count(nobody, nobody)).values())
    found = maps.scores(maps.count(somebody, nobody))
    assert found["foreground IoU"] == found["part accuracy on the true person"] == 0
    assert np.isnan(found["part accuracy on the body"])


@pytest.mark.parametrize(
    ("y_hat", "says"),
    [
        (np.zeros((4, 5, 3), np.uint8), r"uint8 \[4, 5, 3\]"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.full((4, 4, 3), 25, np.uint8), "parts are 0..24, got 25"),
    ],
)
def test_what_are_no_two_maps_of_one_size_is_refused(y_hat, says):
    with pytest.raises(ValueError, match=says):
        maps.count(np.zeros((4, 4, 3), np.uint8), y_hat)


def save(folder, name, made, suffix="_IUV.png"):
    path = folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix.endswith(".npy"):
        np.save(path, made)
    elif suffix.endswith("_IUV.png"):
        Image.fromarray(made[..., ::-1]).save(path)  # R = V, G = U, B = I
    else:
        Image.fromarray(made).save(path)


@pytest.fixture
def folders(tmp_path):
    """Three true maps of two people, and photos; predicted ones in another folder, order of channels and file form."""
    for seed, name in enumerate(("anna/1", "anna/2", "bea/1")):
        save(tmp_path / "true", name, upright(48, 40))
        save(tmp_path / "found", name, another(seed), "_iuv.npy" if seed == 1 else "_IUV.png")
        save(tmp_path / "photos", name, striped(upright(48, 40)), ".jpg")
    return tmp_path


def run(folder, *more, maps_dir="found"):
    flags = f"--maps={folder / maps_dir}", f"--true_maps={folder / 'true'}", f"--output={folder / 'out'}"
    return guarded(lambda: dispatch(["evaluate", *flags, *more]))


def test_two_folders_are_matched_by_name_and_reported(folders, capsys):
    assert run(folders, f"--photos={folders / 'photos'}") == 0
    told = capsys.readouterr().out
    assert "3 maps of" in told and "part accuracy on the body" in told
    report = json.loads((folders / "out" / "report.json").read_text(encoding="utf-8"))
    at_once = maps.MapScores()
    found = [iuv.read(folders / "found" / name) for name in ("anna/1_IUV.png", "anna/2_iuv.npy", "bea/1_IUV.png")]
    each = [at_once.update(upright(48, 40), one) for one in found]
    for name in maps.NAMES:
        assert report["scores"]["all pixels"][name] == pytest.approx(at_once.result()[name])
        assert report["scores"]["mean of files"][name] == pytest.approx(np.mean([one[name] for one in each]))
    with open(folders / "out" / "files.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["anna/1", "anna/2", "bea/1"]
    assert float(rows[2]["mean part IoU"]) == pytest.approx(each[2]["mean part IoU"], rel=1e-5)
    with Image.open(folders / "out" / "sheet.png") as sheet:
        assert sheet.width == 3 * 42 and sheet.height > 3 * 48
    assert {name for names in report["shown"].values() for name in names} == {"anna/1", "anna/2", "bea/1"}
    assert (folders / "out" / "report.md").read_text(encoding="utf-8") in told


def test_a_folder_against_itself_is_perfect(folders):
    assert run(folders, maps_dir="true") == 0
    report = json.loads((folders / "out" / "report.json").read_text(encoding="utf-8"))
    for scores in report["scores"].values():
        assert scores == {name: float(better) for name, better in maps.HIGHER_IS_BETTER.items()}
    assert not (folders / "out" / "sheet.png").exists()


def test_nobody_found_counts_against_and_another_size_is_resized(folders):
    save(folders / "found", "anna/1", np.zeros((48, 40, 3), np.uint8))
    save(folders / "found", "bea/1", upright(48, 40).repeat(2, 0).repeat(2, 1))
    save(folders / "found", "carl/1", upright(48, 40))
    assert run(folders) == 0
    report = json.loads((folders / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["notes"] == {"nobody found": 1, "resized to the true map": 1}
    assert report["predicted maps without a true one"] == 1
    with open(folders / "out" / "files.csv", encoding="utf-8", newline="") as file:
        first, _, last = csv.DictReader(file)
    assert (float(first["foreground IoU"]), first["median U-V error"]) == (0, "")
    assert float(last["foreground IoU"]) == 1


def one_line(capsys) -> str:
    told = capsys.readouterr().err.strip().splitlines()
    assert not any("Traceback" in line for line in told)
    return told[-1]


def test_missing_and_bad_maps_are_one_line(folders, capsys):
    def says(text, *more, **where):
        assert run(folders, *more, **where) == 2
        assert text in one_line(capsys)

    says("nowhere: no such folder; give --maps", maps_dir="nowhere")
    (folders / "empty").mkdir()
    says("no map in it", maps_dir="empty")
    says("no such folder; give --photos", f"--photos={folders / 'nowhere'}")
    says("--photos=", f"--photos={folders}")
    save(folders / "found", "bea/1", upright(30, 60))
    says("another aspect")
    (folders / "found" / "bea" / "1_IUV.png").write_bytes(b"damaged")
    says("1_IUV.png: ")
    (folders / "found" / "bea" / "1_IUV.png").unlink()
    says("1 of the 3 maps in")
    save(folders / "found", "anna/1", another(0), ".npy")
    says("are both a map of anna/1")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--maps=a"], "--true_maps=FOLDER or --densepose_coco"),
        (["--maps=a", "--true_maps=b", "--densepose_coco=c"], "one of them"),
        (["--maps=a", "--densepose_coco=c"], "--smpl=FOLDER go together"),
        (["--maps=a", "--true_maps=b", "--smpl=c"], "go together"),
        (["--maps=a", "--true_maps=b", "--workdir=c"], "--workdir is for pictures"),
        (["--maps=a", "--true_maps=b", "--output=a/out"], "is in --maps=a"),
        (["--true_maps=b"], "--true_maps goes with --maps"),
        (["--maps=a", "--densepose_coco=c", "--smpl=d"], "d: no SMPL_subdiv.mat"),
    ],
)
def test_flags_that_do_not_go_together_are_one_line(capsys, flags, says):
    assert guarded(lambda: dispatch(["evaluate", *flags])) == 2
    assert says in one_line(capsys)
