"""An export with a network of maps takes photos alone: the library's maps and pictures, in any runtime."""

import io
import json

import numpy as np
import photo_toys as toys
import pytest
import tensorflow as tf
from exporting import encoded, strings
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from test_export import ops_that_are_newer, run_in_c, warm_ups_of

from dpt_tf.commands import main
from dpt_tf.densepose import small
from dpt_tf.export import photos, signatures
from dpt_tf.iuv import decode
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter

BOX = (4.0, 10.0, 30.5, 52.0)
ANYWHERE = np.zeros((1, 4), np.float32)
TEXT = b"no picture"


def photo(*pictures):
    return strings(*map(encoded, pictures))


def boxes(*given):
    return np.array(given, np.float32)


GOOD = {
    "pose": ("pose", {"photo_bytes": photo(toys.TARGET, toys.SOURCE), "box": boxes((0, 0, 0, 0), BOX)}),
    "alone": ("pose", {"photo_bytes": photo(toys.SOURCE), "box": ANYWHERE}),
    "JPEG": ("pose", {"photo_bytes": strings(encoded(toys.SOURCE, "JPEG", quality=95)), "box": ANYWHERE}),
    "photos": (
        "photos",
        {"source_bytes": photo(toys.SOURCE, toys.TARGET), "target_bytes": photo(toys.TARGET, toys.SOURCE)},
    ),
}
REFUSED = {
    "nobody": (
        "pose",
        {"photo_bytes": photo(toys.SOURCE, toys.NOBODY), "box": boxes((0, 0, 0, 0), (0, 0, 0, 0))},
        "photo_bytes[1] shows nobody, as far as the network of maps can tell; give another photo",
    ),
    "nobody to be": (
        "photos",
        {"source_bytes": photo(toys.SOURCE), "target_bytes": photo(toys.NOBODY)},
        "target_bytes[0] shows nobody",
    ),
    "nobody in the box": ("pose", {"photo_bytes": photo(toys.NOBODY), "box": boxes((5, 5, 40, 40))}, "shows nobody"),
    "box": (
        "pose",
        {"photo_bytes": photo(toys.SOURCE), "box": boxes((0, 0, 40.5, 20))},
        "box[0] is 0, 0, 40.5, 20; it should be x0, y0, x1, y1 inside of the photo, 40 x 61 pixels, or 0",
    ),
    "no number": (
        "pose",
        {"photo_bytes": photo(toys.SOURCE), "box": boxes((0, 0, 9, np.nan))},
        "box[0] is 0, 0, 9, nan",
    ),
    "text": ("pose", {"photo_bytes": strings(TEXT), "box": ANYWHERE}, "photo_bytes[0] is neither a PNG nor a JPEG"),
    "large": (
        "pose",
        {"photo_bytes": photo(np.zeros((8, 2050, 3), np.uint8)), "box": ANYWHERE},
        "photo_bytes[0] is 2050 x 8 pixels; the longer side should be 2048",
    ),
    "batches": (
        "photos",
        {"source_bytes": photo(toys.SOURCE), "target_bytes": photo(toys.TARGET, toys.TARGET)},
        "target_bytes has a batch of 2 and source_bytes of 1",
    ),
    "no boxes": (
        "pose",
        {"photo_bytes": photo(toys.SOURCE), "box": boxes((1, 2))},
        "box is [1, 2]; it should be [batch",
    ),
}


def exported(folder):
    """An export of the runs in a folder, by the command."""
    flags = [f"--workdir={folder / 'run'}", f"--export_dir={folder / 'dpt'}", "--device=cpu"]
    assert main.dispatch(["export", *flags, f"--pose={folder / 'maps'}"]) == 0
    return folder / "dpt" / "1"


@pytest.fixture(scope="module")
def version(toy_photos):
    return toy_photos / "dpt" / "1"


@pytest.fixture(scope="module")
def estimator(toy_photos):
    return small.load(toy_photos / "maps")


@pytest.fixture(scope="module")
def answers(version, tmp_path_factory):
    """Of the C++ runtime, without our code."""
    every = GOOD | {f"refused {name}": case[:2] for name, case in REFUSED.items()}
    warm_ups = warm_ups_of(version)
    every |= {f"warm-up {name}": (name, warm_ups[name]) for name in photos.NAMES}
    return run_in_c(version, every, tmp_path_factory.mktemp("requests"))


def pictures(files):
    return [np.asarray(Image.open(io.BytesIO(file))).astype(int) for file in files]


def test_the_c_runtime_makes_the_maps_of_the_library(answers, estimator):
    answer = answers["pose"]
    assert "message" not in answer, answer
    people = estimator.people(toys.TARGET)[0], estimator.people(toys.SOURCE, [BOX])[0]
    for i, (made, person) in enumerate(zip(pictures(answer["map_bytes"]), people, strict=True)):
        assert len(np.unique(person.map[..., 0])) > 1, "a map of nothing would equal anything empty"
        assert made.shape == person.map.shape
        same = made[..., 0] == person.map[..., 0]
        assert same.mean() >= 0.99
        assert np.abs(made - person.map)[same].max() <= 1
        np.testing.assert_allclose(answer["box"][i], person.box, atol=1e-3)
        assert answer["score"][i] == pytest.approx(person.score, abs=1e-3)
    assert answer["score"][1] == 1


def test_a_map_is_a_png_that_the_library_reads(answers):
    assert decode(answers["pose"]["map_bytes"][0], "map").iuv.shape == toys.TARGET.shape


def test_who_is_in_a_request_beside_it_changes_no_map(answers, estimator):
    (made,) = pictures(answers["alone"]["map_bytes"])
    assert (made[..., 0] == estimator.people(toys.SOURCE)[0].map[..., 0]).mean() >= 0.99


def test_a_jpeg_is_taken_too(answers):
    assert pictures(answers["JPEG"]["map_bytes"])[0][..., 0].any()


def test_two_photos_give_the_picture_that_the_library_paints(answers, estimator, toy_photos):
    transfer = painter.load(toy_photos / "run", pose=estimator)
    answer = answers["photos"]
    assert "message" not in answer, answer
    asked = ((toys.SOURCE, toys.TARGET), (toys.TARGET, toys.SOURCE))
    for made, (source, target) in zip(pictures(answer["image_bytes"]), asked, strict=True):
        truth = transfer(source, target=target)["image"].astype(int)
        assert made.shape == truth.shape == target.shape and np.ptp(truth) > 20
        difference = np.abs(made - truth)
        # Sums over threads round differently: a pixel of the square may be 1 off, of its enlargement 2.
        assert difference.max() <= 2 and difference.mean() < 0.02


def test_what_the_network_of_maps_says_of_the_source_beside_its_body_is_told_on(monkeypatch):
    """Its coverage is taken to be the photo's red here."""
    told = photos.Photos.__new__(photos.Photos)
    monkeypatch.setattr(
        told, "_person", lambda called, photo, box: (photo // 2, photo[..., :1], box, 1.0), raising=False
    )
    monkeypatch.setattr(told, "_painted", lambda photo, iuv, pose, coverage: photo - coverage, raising=False)
    answer = told.photos(*(tf.constant([encoded(photo)]) for photo in (toys.SOURCE, toys.TARGET)))
    np.testing.assert_array_equal(pictures(answer["image_bytes"].numpy())[0], toys.SOURCE - toys.SOURCE[..., :1])


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_an_invalid_argument_and_a_sentence(answers, case):
    answer = answers[f"refused {case}"]
    assert set(answer) == {"code", "message"}, f"answered: {set(answer)}"
    assert answer["code"] == 3 and REFUSED[case][2] in str(answer["message"]), str(answer["message"])


def test_all_six_signatures_are_warmed_up_with_what_they_accept(answers, version):
    assert set(warm_ups_of(version)) == {*signatures.NAMES, *photos.NAMES}
    for name in photos.NAMES:  # the other four: test_export
        assert "message" not in answers[f"warm-up {name}"], answers[f"warm-up {name}"]


def test_nothing_in_it_needs_python_or_a_newer_tensorflow(version):
    (meta,) = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    assert not ops_that_are_newer(meta)
    takes = {name: set(meta.signature_def[name].inputs) for name in photos.NAMES}
    assert takes == {"pose": {"photo_bytes", "box"}, "photos": {"source_bytes", "target_bytes"}}
    assert set(meta.signature_def["pose"].outputs) == {"map_bytes", "box", "score"}


def test_what_the_network_of_maps_is_lies_inside(version, toy_photos):
    extra = version / "assets.extra" / "pose"
    assert json.loads((extra / "hparams.json").read_text())["image_size"] == toys.MAPS.image_size
    facts = json.loads((extra / "provenance.json").read_text())
    assert (facts["step"], facts["run"]) == (7, str(toy_photos.with_name("toy_photos.aside") / "maps"))


@pytest.mark.slow
def test_such_an_export_is_loaded_like_any_other(toy_photos):
    loaded, run = (painter.load(toy_photos / name) for name in ("dpt", "run"))
    ours, theirs = (one(toys.SOURCE, toys.TALL, toys.WIDE)["image"].astype(int) for one in (run, loaded))
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.slow
def test_where_a_network_does_not_know_the_figure_for_a_person_photos_are_not_warmed_up(
    toy_photos, tmp_path, monkeypatch
):
    monkeypatch.setattr(photos.Photos, "finds_somebody", lambda *_: False)
    (tmp_path / "run").symlink_to(toy_photos / "run")
    (tmp_path / "maps").symlink_to(toy_photos / "maps")
    assert set(warm_ups_of(exported(tmp_path))) == set(signatures.NAMES)


@pytest.mark.parametrize(
    ("pose", "words"),
    [
        ("{folder}/run", "has no trained pose stage; run train.py"),
        ("people", "people paints and finds no maps; give another model"),
        ("{folder}/nowhere", "nowhere has no trained pose stage"),
    ],
)
def test_what_finds_no_maps_is_refused_in_a_line(toy_photos, tmp_path, pose, words):
    flags = [f"--workdir={toy_photos / 'run'}", f"--export_dir={tmp_path / 'dpt'}"]
    with pytest.raises(UserError, match=words):
        main.dispatch(["export", *flags, f"--pose={pose.format(folder=toy_photos)}"])
    assert not (tmp_path / "dpt").exists()


def test_without_the_shipped_network_the_line_says_what_to_give(toy_photos, tmp_path, monkeypatch):
    monkeypatch.setattr("dpt_tf.shipped.names", lambda: ["people"])
    monkeypatch.chdir(tmp_path)
    flags = [f"--workdir={toy_photos / 'run'}", f"--export_dir={tmp_path / 'dpt'}", "--pose"]
    with pytest.raises(UserError, match=r"comes without the network of maps `pose`; train one.*--pose=RUN"):
        main.dispatch(["export", *flags])


@pytest.mark.slow
def test_with_layers_the_picture_is_composed_at_the_photos_size(tmp_path):
    toys.make_runs(tmp_path, blending="layers", surface_prior=1, palette=1)
    version = exported(tmp_path)
    asked = {name: GOOD[name] for name in ("pose", "photos")}
    answers = run_in_c(version, asked, tmp_path)
    transfer = painter.load(tmp_path / "run", pose=small.load(tmp_path / "maps"))
    truth = transfer(toys.SOURCE, target=toys.TARGET)["image"].astype(int)
    made = pictures(answers["photos"]["image_bytes"])[0]
    assert made.shape == truth.shape and np.ptp(truth) > 20
    assert np.abs(made - truth).max() <= 1
