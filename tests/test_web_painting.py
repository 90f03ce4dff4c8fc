"""The page's pictures, without a browser: which files it takes, what it says of others, what it tints."""

import shutil

import damaged
import numpy as np
import pytest
import web_toys as toys
from PIL import Image

from dpt_tf.commands import main
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter
from serving.web import markup, painting
from serving.web.painting import Pose, Upload


def hidden(upload, tmp_path) -> Upload:
    """The same file where the page keeps it: under another path."""
    uploads = tmp_path / "uploads"
    uploads.mkdir(exist_ok=True)
    return Upload(shutil.copy(upload.path, uploads / str(len(list(uploads.iterdir())))), upload.name)


def test_a_damaged_file_gets_the_sentence_that_dpt_inspect_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = [path.name for path in damaged.make(tmp_path, str(tmp_path / "mark"))][::4]
    (tmp_path / "kept").mkdir()
    compared = 0
    for name in names:
        main.guarded(lambda name=name: main.dispatch(["inspect", name]))
        printed = capsys.readouterr().out.split("\n")[0]
        kept = Upload(shutil.copy(name, tmp_path / "kept" / "blob"), name)
        with pytest.raises(UserError) as refused:
            painting.read_poses([kept], 24)
        assert str(refused.value) == printed
        compared += 1
    assert compared > 50


def test_maps_of_all_forms_are_read_alike(tmp_path):
    made = toys.body()
    forms = {"rgb_IUV.png": made, "bgr_IUV.png": made[..., ::-1].copy(), "map.npy": made}
    for name, pixels in forms.items():
        np.testing.assert_array_equal(painting.read_map(toys.save(tmp_path / name, pixels)), made)


def test_of_a_dump_the_person_of_that_photo_is_taken_by_the_name_that_its_owner_gave(tmp_path):
    photo = toys.save(tmp_path / "b.jpg", np.zeros((44, 30, 3), np.uint8))
    dump = Upload(toys.DUMPS / "new_two_photos.pkl", "mine.pkl")
    made = painting.read_person(hidden(photo, tmp_path), dump).iuv
    assert made.shape == (44, 30, 3)
    rows, columns = np.nonzero(made[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 12, 1, 4)
    other = Upload(photo.path, "c.jpg")
    with pytest.raises(UserError, match=r"^mine\.pkl: no photo c\.jpg in this dump of 2"):
        painting.read_person(other, dump)


def test_a_dump_gives_a_pose_for_each_of_its_photos(tmp_path):
    own = toys.save(tmp_path / "a_IUV.png", toys.body())
    made = painting.read_poses([Upload(toys.DUMPS / "new_two_photos.pkl", "z.pkl"), own], 3)
    assert [pose.name for pose in made] == ["a_IUV.png", "shop/a.jpg", "shop/b.jpg"]
    assert all(pose.iuv[..., 0].any() for pose in made)
    with pytest.raises(UserError, match=r"^3 poses are too many at once: give 2 at most$"):
        painting.read_poses([Upload(toys.DUMPS / "new_two_photos.pkl", "z.pkl"), own], 2)


def test_poses_come_in_the_order_of_their_names_numbers_by_value(tmp_path):
    given = [toys.save(tmp_path / name, toys.body()) for name in ("f10.png", "g1.png", "f9.png", "f010b.png", "10.png")]
    assert [pose.name for pose in painting.read_poses(given, 9)] == [
        "10.png",
        "f9.png",
        "f10.png",
        "f010b.png",
        "g1.png",
    ]


def test_a_turned_photo_is_taken_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((40, 48, 3), np.uint8)
    pixels[:, :10] = 255
    photo = toys.save(tmp_path / "phone.jpg", pixels, exif=exif)
    upright, *_ = painting.read_person(photo, toys.save(tmp_path / "map.png", toys.body()))
    assert upright.shape == (48, 40, 3)
    assert upright[:9].min() > 200 and upright[12:].max() < 60


def test_a_photo_and_a_map_of_two_sizes_get_the_sentence_of_dpt_transfer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photo = toys.save(tmp_path / "a.png", np.zeros((50, 40, 3), np.uint8))
    source_iuv = toys.save(tmp_path / "a_IUV.png", toys.body())
    flags = ["--source=a.png", "--source_iuv=a_IUV.png", "--target_iuv=a_IUV.png", "--output=out.png"]
    assert main.guarded(lambda: main.dispatch(["transfer", "--model=run", *flags])) == 2
    printed = capsys.readouterr().err.strip().split("\n")[-1]
    assert "40 x 50" in printed
    with pytest.raises(UserError) as refused:
        painting.read_person(hidden(photo, tmp_path), hidden(source_iuv, tmp_path))
    assert str(refused.value) == printed


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("note.jpg", b"hello", "note.jpg: a picture that cannot be read (no known format); save it again or remove it"),
        ("none.png", b"", "none.png: a picture that cannot be read (no known format); save it again or remove it"),
        ("bomb.png", damaged.png(20000, 10000, b""), "bomb.png: too many pixels; make it smaller, 32 million at most"),
        ("large.png", damaged.png(12000, 9000, b""), "large.png: too many pixels; make it smaller, 32 million at most"),
        (
            "poster.png",
            damaged.png(8000, 5000, b""),
            "poster.png: too many pixels; make it smaller, 32 million at most",
        ),
        ("gone.png", None, "gone.png: no longer here, for uploads are kept for an hour; upload it again"),
    ],
)
def test_a_photo_that_is_none_is_named_as_its_owner_names_it(tmp_path, name, data, said):
    if data is not None:
        (tmp_path / "blob.png").write_bytes(data)
    with pytest.raises(UserError) as refused:
        painting.read_photo(Upload(tmp_path / "blob.png", name))
    assert str(refused.value) == said


def test_whatever_is_missing_is_asked_for(tmp_path):
    photo = toys.save(tmp_path / "a.png", np.zeros((48, 40, 3), np.uint8))
    with pytest.raises(UserError, match="no photo yet"):
        painting.read_person(None, photo)
    with pytest.raises(UserError, match=r"a\.png has no map yet"):
        painting.read_person(photo, None)


def test_what_was_seen_is_left_as_it_is_and_what_was_imagined_is_tinted():
    photo, pose = np.full((8, 8, 3), (10, 200, 30), np.uint8), toys.body(40, 40)
    pose[:, 32:] = 0
    pose[8:-8, 8:14, 0] = 3  # 12 columns of the left half were seen, 12 of the right were not
    painted = painting.paint(toys.Model(), painting.Person(photo, np.zeros_like(photo)), Pose("p", pose))
    tinted = (painted.overlay != painted.image).any(-1)
    np.testing.assert_array_equal(tinted, (pose[..., 0] > 0) & (np.arange(40) >= 20))
    assert painted.seen == pytest.approx(0.5)
    np.testing.assert_array_equal(painted.overlay[20, 30], np.round(np.add((10, 200, 30), painting.TINT) / 2))


def test_the_texture_before_is_grey_where_the_photo_shows_nothing_and_the_one_after_is_whole():
    painted = painting.paint(
        toys.Model(), painting.Person(*2 * [np.zeros((8, 8, 3), np.uint8)]), Pose("p", toys.body())
    )
    expected = np.full((16, 24, 3), painting.UNSEEN)
    expected[:2, 4:8] = 90  # part 2 is the second tile
    np.testing.assert_array_equal(painted.texture_before, expected)
    np.testing.assert_array_equal(painted.texture_after, np.full((16, 24, 3), 90))


def test_the_warped_view_shows_the_body_alone():
    painted = painting.paint(
        toys.Model(), painting.Person(*2 * [np.full((8, 8, 3), 77, np.uint8)]), Pose("p", toys.body())
    )
    np.testing.assert_array_equal(painted.warped, 77 * (toys.body()[..., :1] > 0).repeat(3, -1))


def test_a_model_with_layers_shows_them_and_the_backdrop_and_a_large_result_with_all_its_pixels():
    large = np.random.default_rng(0).integers(0, 256, (600, 540, 3)).astype(np.uint8)
    plain = painting.paint(toys.Model(), painting.Person(*2 * [np.zeros((8, 8, 3), np.uint8)]), Pose("p", toys.body()))
    assert plain.layers is None and 'class="layers"' not in markup.row(plain)

    def layered(*given):
        return toys.Model()(*given) | {"image": large, "layers": large, "backdrop": 255 - large}

    painted = painting.paint(
        layered, painting.Person(*2 * [np.zeros((8, 8, 3), np.uint8)]), Pose("p", toys.body(600, 540))
    )
    np.testing.assert_array_equal(painted.backdrop, 255 - large)
    shown = markup.row(painted)
    assert shown.count(markup.png(large)) == 2  # to look at and to keep
    for kind in ("layers", "backdrop"):
        assert f'<figure class="{kind}">' in shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [((64, 64), (256, 256)), ((40, 100), (120, 300)), ((256, 180), (256, 180)), ((512, 300), (512, 300)),
     ((1024, 700), (512, 350)), ((1, 3000), (1, 512))],
)  # fmt: skip
def test_small_pictures_are_enlarged_by_whole_numbers_and_large_ones_reduced(size, shown):
    assert painting.enlarged(np.zeros((*size, 3), np.uint8)).shape == (*shown, 3)


def test_a_real_photo_is_painted_in_its_own_pose(realdata):
    name = "WOMEN#Dresses#id_00001674#02_3_back"
    photo, source_iuv = (Upload(realdata / "photos" / f"{name}{end}", f"{name}{end}") for end in (".jpg", "_IUV.png"))
    person = painting.read_person(photo, source_iuv)
    painted = painting.paint(painter.Transfer(_nothing, 64, {}, None), painting.Person(*person), Pose("own", person[1]))
    assert painted.overlay.shape == person[0].shape and painted.seen == 1


def _nothing(inputs):
    import tensorflow as tf

    image = tf.zeros((1, 64, 64, 3))
    names = dict.fromkeys(("image", "warped", "predicted"), image)
    whole = {"texture": tf.zeros((1, 24, 8, 8, 3)), "observed": tf.ones((1, 24, 8, 8, 1))}
    return names | whole | {"provenance": tf.ones((1, 64, 64, 1))}


def test_who_is_the_person_beside_the_body_is_passed_on_where_it_is_known():
    asked = []

    def transfer(*arrays, **known):
        asked.append(known)
        return toys.Model()(*arrays)

    photo, coverage = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 1), 9, np.uint8)
    for person in (painting.Person(photo, photo), painting.Person(photo, photo, coverage)):
        painting.paint(transfer, person, Pose("p", toys.body()))
    assert asked[0] == {} and asked[1]["coverage"] is coverage
