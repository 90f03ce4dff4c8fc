"""GPS and its average precision: files of a tiny surface, and a plain reading of the rules to compare with."""

import json
import pickle
import shutil

import coco_toys
import damaged
import numpy as np
import pytest
import scipy.io
from PIL import Image

from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.evaluation import densepose_coco, map_files
from dpt_tf.iuv import NotIUV, numpy_pickles
from dpt_tf.metrics import geodesics, gps
from dpt_tf.system.errors import UserError

# A surface of four closed vertices on a line, at 0, 1, 3 and 7; the second is on a seam: once on part 1, once on 2.
PLACES = np.array([0.0, 1.0, 3.0, 7.0])
PART = np.array([1, 1, 2, 2, 24])
U = np.array([0.0, 1.0, 0.0, 1.0, 0.5])
V = np.array([0.0, 0.0, 0.0, 0.5, 0.5])
CLOSED = np.array([1, 2, 2, 3, 4])


def write_surface(folder, protocol=4, dtype=np.float32, pairs=None, part=PART, index=CLOSED):
    """The three files, in the published ones' form: columns, and pairs as `[M (M - 1) / 2, 1]`."""
    folder.mkdir(exist_ok=True)
    if pairs is None:
        pairs = [PLACES[i] - PLACES[j] for i in range(4) for j in range(i)]
    scipy.io.savemat(folder / "SMPL_subdiv.mat", {"Part_ID_subdiv": part[:, None], "U_subdiv": U, "V_subdiv": V})
    scipy.io.savemat(folder / "SMPL_SUBDIV_TRANSFORM.mat", {"index": index[:, None]})
    held = pickle.dumps({"Pdist_matrix": np.array(pairs, dtype)[:, None]}, protocol)
    (folder / "Pdist_matrix.pkl").write_bytes(held)
    return folder


def python_2s(array: np.ndarray) -> bytes:
    """What Python 2.7 with numpy wrote at protocol 2: every text and every byte a string."""

    def text(of: bytes) -> bytes:
        return b"U" + bytes([len(of)]) + of if len(of) < 256 else b"T" + len(of).to_bytes(4, "little") + of

    shape = b"".join(b"J" + size.to_bytes(4, "little") for size in array.shape)
    dtype = b"cnumpy\ndtype\nq\x02" + text(b"f4") + b"K\x00K\x01\x87R(K\x03" + text(b"<") + b"NNNJ\xff\xff\xff\xff" * 1
    dtype += b"J\xff\xff\xff\xffK\x00tb"
    made = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x03K\x00\x85" + text(b"b") + b"\x87R"
    state = b"(K\x01(" + shape + b"t" + dtype + b"\x89" + text(array.astype("<f4").tobytes()) + b"tb"
    return b"\x80\x02}q\x00" + text(b"Pdist_matrix") + made + state + b"s."


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4", np.float16])
@pytest.mark.parametrize("protocol", [3, 4])
def test_distances_are_of_the_vertices_that_are_meant(tmp_path, protocol, dtype):
    surface = geodesics.read(write_surface(tmp_path, protocol, dtype))
    one, other = (each.ravel() for each in np.indices((4, 4)))
    np.testing.assert_array_equal(surface.apart(one, other), abs(PLACES[one] - PLACES[other]))
    assert np.isinf(surface.apart(np.array([-1, 0, -1]), np.array([0, -1, -1]))).all()


def test_the_nearest_vertex_is_of_the_same_chart_and_seams_are_closed(tmp_path):
    surface = geodesics.read(write_surface(tmp_path))
    part = np.array([1, 1, 2, 2, 24, 0, 13])
    uv = np.array([[0.2, 0], [0.9, 1], [0.1, 0.1], [0.9, 0.5], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(surface.nearest(part, uv), [0, 1, 1, 2, 3, -1, -1])


@pytest.mark.parametrize("size", [6, 200])
def test_what_python_2_wrote_is_read_where_it_lies(tmp_path, size):
    path, array = tmp_path / "a.pkl", np.arange(size, dtype=np.float32)[:, None]
    path.write_bytes(python_2s(array))
    np.testing.assert_array_equal(pickle.loads(path.read_bytes(), encoding="latin1")["Pdist_matrix"], array)
    found = numpy_pickles.vector(path, "Pdist_matrix")
    np.testing.assert_array_equal(found, array[:, 0])
    assert isinstance(found, np.memmap) == (size > 60)


def test_a_large_array_is_mapped_not_read(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.zeros(1 << 16), 4))
    assert isinstance(numpy_pickles.vector(tmp_path / "a.pkl", "whatever"), np.memmap)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(print),
        pickle.dumps(np.array([print], object), 4),
        pickle.dumps({"Pdist_matrix": np.arange(4)}, 4),
        pickle.dumps({"other": np.zeros(3)}, 4),
        pickle.dumps({"Pdist_matrix": np.zeros(300)}, 4)[:-200],
        python_2s(np.zeros((200, 1)))[:-9],
        b"\x80\x02T\xff\xff\xff\xff",
        b"no pickle",
        b"",
    ],
)
def test_what_is_no_pickle_of_floats_is_refused(tmp_path, data):
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(NotIUV):
        numpy_pickles.vector(tmp_path / "a.pkl", "Pdist_matrix")


def test_files_that_do_not_go_together_are_named_in_a_line(tmp_path):
    with pytest.raises(UserError, match=r"no SMPL_subdiv.mat and no SMPL_SUBDIV_TRANSFORM.mat and no Pdist_matrix.pkl"):
        geodesics.read(tmp_path)
    for name, flags, says in (
        ("Pdist_matrix.pkl", {"pairs": [1.0] * 7}, "7 distances are not those of all pairs"),
        ("SMPL_SUBDIV_TRANSFORM.mat", {"index": CLOSED + 1}, "vertices 2 to 5, Pdist_matrix.pkl has 4"),
        ("SMPL_SUBDIV_TRANSFORM.mat", {"index": CLOSED[:3]}, "3 vertices, SMPL_subdiv.mat has 5"),
        ("SMPL_subdiv.mat", {"part": PART + 1}, "parts are 1..24"),
    ):
        with pytest.raises(UserError, match=f"{name}: {says}"):
            geodesics.read(write_surface(tmp_path, **flags))
    for name in ("SMPL_subdiv.mat", "Pdist_matrix.pkl"):
        write_surface(tmp_path)
        (tmp_path / name).write_bytes(b"damaged")
        with pytest.raises(UserError, match=name):
            geodesics.read(tmp_path)


def test_gps_by_hand_under_both_kappas():
    distances, part = np.array([0.0, 0.255, np.inf, 0.351]), np.array([1, 7, 3, 2])
    old = (1 + np.exp(-0.5) + 0 + np.exp(-((0.351 / 0.255) ** 2) / 2)) / 4
    new = (1 + np.exp(-((0.255 / 0.237) ** 2) / 2) + 0 + np.exp(-0.5)) / 4
    assert gps.gps(distances, part, "2018") == pytest.approx(old)
    assert gps.gps(distances, part, "2019") == pytest.approx(new)
    assert gps.gps(distances[:0], part[:0], "2019") == 0


def test_every_part_has_its_coarse_parts_mean_distance():
    coarse = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8]
    means = np.array([np.nan, 0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150])
    np.testing.assert_array_equal(gps.KAPPAS["2019"], means[coarse])


def test_a_dump_has_everybody_with_how_sure_it_was(tmp_path):
    shutil.copy(damaged.DUMPS / "new_two_people.pkl", tmp_path)
    (file,) = map_files.find(tmp_path, "maps").values()
    large, small = densepose_coco.detections(file, (20, 16))
    assert (large.score, small.score) == (pytest.approx(0.87), pytest.approx(0.99))
    assert (large.box(), small.box()) == ((5.0, 2.0, 6.0, 12.0), (2.0, 3.0, 4.0, 6.0))
    shutil.copy(damaged.DUMPS / "old.pkl", tmp_path)
    with pytest.raises(UserError, match="are both a map of street"):
        map_files.find(tmp_path, "maps")


def test_boxes_by_hand():
    found, true = np.array([[0.0, 0, 4, 2]]), np.array([[2.0, 0, 4, 2], [2, 0, 4, 2], [9, 9, 1, 1]])
    np.testing.assert_allclose(gps.box_ious(found, true, np.array([False, True, False])), [[4 / 12, 4 / 8, 0]])


def photo(similarity, scores, ignored=None, overlap=None, area=10_000.0, crowd=None):
    similarity = np.array(similarity, float)
    d, g = similarity.shape
    nobody = np.zeros(g, bool)
    return gps.Photo(
        similarity,
        np.zeros((d, g)) if overlap is None else np.array(overlap, float),
        np.array(scores, float),
        np.full(d, 10_000.0),
        np.broadcast_to(np.array(area, float), (g,)),
        nobody if ignored is None else np.array(ignored),
        nobody if crowd is None else np.array(crowd),
    )


def scored(*photos):
    precision = gps.AveragePrecision()
    for one in photos:
        precision.update(one)
    return precision.result()


def test_ap_by_hand():
    # The surest is wrong below 0.5; the other is right up to 0.7, five of ten thresholds: half precision.
    found = scored(photo([[0.3], [0.72]], [0.9, 0.5]))
    assert found["AP"] == pytest.approx(0.5 * 5 / 10)
    assert (found["AP50"], found["AP75"], found["AR"]) == (pytest.approx(0.5), 0, pytest.approx(0.5))


def test_one_of_two_people_found_has_precision_at_half_of_the_recalls():
    assert scored(photo([[1.0, 0]], [1]))["AP"] == pytest.approx(51 / 101)


def test_a_person_is_taken_once_and_a_second_detection_of_it_is_wrong():
    found = scored(photo([[0.9], [1.0]], [0.9, 0.8]), photo([[1.0]], [0.7]))
    # At 0.95 the first is wrong and the second right: 1/2, then 2/3. Below, right, wrong, right: 1, then 2/3.
    assert found["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert found["AP"] == pytest.approx((9 * (51 + 50 * 2 / 3) + 101 * 2 / 3) / 1010)


def test_ignored_people_neither_count_nor_cost():
    alone = scored(photo([[1.0]], [0.5]))
    beside = photo([[1.0, 0], [0, 0]], [0.5, 0.9], [False, True], [[0, 0], [0, 0.85]], crowd=[False, True])
    assert scored(beside) == pytest.approx(alone, nan_ok=True)
    far = photo([[1.0, 0], [0, 0]], [0.5, 0.9], [False, True], [[0, 0], [0, 0.7]])
    assert scored(far)["AP"] == pytest.approx(0.5)
    empty = photo(np.zeros((3, 0)), [1, 1, 1])
    assert scored(photo([[1.0]], [0.5]), empty) == pytest.approx(alone, nan_ok=True)


def test_who_is_of_another_size_is_ignored():
    found = scored(photo([[1.0, 0]], [0.9], area=[20_000, 2_000]))
    assert found["APl"] == 1
    assert found["APm"] == 0
    assert np.isnan(scored(photo([[1.0]], [0.9], area=100))["APm"])


def slow(photos, threshold):
    """AP at one threshold with nobody ignored: greedily, one after the other, then precision at each recall."""
    people, list_of = 0, []
    for one in photos:
        people += one.similarity.shape[1]
        free = set(range(one.similarity.shape[1]))
        for d in sorted(range(len(one.scores)), key=lambda d: -one.scores[d])[: gps.MOST_DETECTIONS]:
            able = [(one.similarity[d, g], g) for g in free if one.similarity[d, g] >= threshold]
            list_of.append((one.scores[d], bool(able)))
            free -= {max(able)[1]} if able else set()
    list_of.sort(key=lambda entry: -entry[0])
    hits = [sum(hit for _, hit in list_of[: n + 1]) for n in range(len(list_of))]
    total = 0.0
    for recall in range(101):
        total += max((hit / (n + 1) for n, hit in enumerate(hits) if hit * 100 >= recall * people), default=0)
    return total / 101


def test_ap_is_what_the_plain_reading_gives():
    rng = np.random.default_rng(0)
    photos = []
    for _ in range(12):
        d, g = rng.integers(1, 6, 2)
        photos.append(photo(rng.random((d, g)) ** 0.3, rng.permutation(1000)[:d] / 1000))
    assert scored(*photos)["AP"] == pytest.approx(np.mean([slow(photos, t) for t in gps.THRESHOLDS]))
    assert scored(*photos)["AP75"] == pytest.approx(slow(photos, 0.75))


@pytest.fixture
def coco(tmp_path):
    """A person with three points, a crowd, and a map that has one point right, one on another vertex, and one lost."""
    pytest.importorskip("pycocotools.mask", reason="masks are decoded by pycocotools: pip install 'dpt_tf[data]'")
    points = {"dp_I": [2.0, 24.0, 1.0], "dp_U": [0.25, 0.5, 1.0], "dp_V": [0.25, 0.5, 0.0]}
    coco_toys.write(tmp_path, [coco_toys.crowd(), coco_toys.person(**points)])
    write_surface(tmp_path / "smpl", pairs=[0.1 * (PLACES[i] - PLACES[j]) for i in range(4) for j in range(i)])
    found = np.zeros((120, 100, 3), np.uint8)
    found[20:50, 30:60] = (2, 178, 0)  # nearest to the vertex at (1, 0.5); with U and V exchanged, to that at (0, 0)
    found[50:80, 30:45] = (24, 128, 128)
    found[20, 30] = 0
    save(tmp_path / "maps", found)
    return tmp_path


def save(folder, found, name="COCO_train2014_000000000001_IUV.png"):
    folder.mkdir(exist_ok=True)
    Image.fromarray(found).save(folder / name)


def evaluated(folder) -> dict:
    annotations = folder / "densepose_coco_2014_train.json"
    flags = f"--maps={folder / 'maps'}", f"--densepose_coco={annotations}", f"--smpl={folder / 'smpl'}"
    code = guarded(lambda: dispatch(["evaluate", *flags, f"--output={folder / 'out'}"]))
    return json.loads((folder / "out" / "report.json").read_text(encoding="utf-8")) if code == 0 else {}


def test_a_map_is_scored_at_the_points_by_hand(coco, capsys):
    report = evaluated(coco)
    # Vertices 1 and 2 are 0.2 apart; the last point was put nowhere. The true mask has a pixel more than the map.
    likeness = {"2019": (np.exp(-0.04 / (2 * 0.351**2)) + 1) / 3, "2018": (np.exp(-0.04 / (2 * 0.255**2)) + 1) / 3}
    names = {"2019": "kappa by part, 2019", "2018": "kappa 0.255, 2018"}
    header, row = (coco / "out" / "people.csv").read_text(encoding="utf-8").splitlines()
    told = dict(zip(header.replace(", ", "; ").split(",")[1:], map(float, row.split(",")[1:]), strict=False))
    assert len(told) == 4
    for kappa, value in likeness.items():
        masked = np.sqrt(value * 1349 / 1350)
        found = report["scores"][f"GPS AP ({names[kappa]})"]
        assert found["AP"] == pytest.approx((value >= gps.THRESHOLDS).mean())
        assert report["scores"][f"GPSm AP ({names[kappa]})"]["AP"] == pytest.approx((masked >= gps.THRESHOLDS).mean())
        assert any(abs(each - value) < 1e-5 for each in told.values())
        assert any(abs(each - masked) < 1e-5 for each in told.values())
    assert "GPS AP (kappa by part, 2019)" in capsys.readouterr().out
    assert report["kappas"]["2018"][1:] == [0.255] * 24


def test_a_photo_without_a_map_has_nobody_and_bad_maps_are_one_line(coco, capsys):
    (coco / "maps" / "COCO_train2014_000000000001_IUV.png").unlink()
    save(coco / "maps", np.zeros((120, 100, 3), np.uint8))
    report = evaluated(coco)
    assert report["photos where nobody was found"] == 1
    assert report["scores"]["GPS AP (kappa by part, 2019)"]["AP"] == 0
    capsys.readouterr()
    found = np.zeros((60, 50, 3), np.uint8)
    found[20:50, 20:40] = (2, 255, 128)
    for name, says in (
        ("COCO_train2014_000000000001_IUV.png", "50 x 60 pixels, its photo has 100 x 120"),
        ("other_IUV.png", "no map of any annotated photo; name them like COCO_train2014_000000000001_IUV.png"),
    ):
        save(coco / "maps", found, name)
        assert not evaluated(coco)
        told = capsys.readouterr().err.strip().splitlines()
        assert says in told[-1] and not any("Traceback" in line for line in told)
        (coco / "maps" / name).unlink()


def test_ap_is_cocos_where_likeness_is_the_overlap_of_boxes():
    pytest.importorskip("pycocotools.cocoeval", reason="pycocotools has COCO's own: pip install 'dpt_tf[data]'")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(0)
    true, found, ours = [], [], gps.AveragePrecision()
    for image in range(30):
        boxes = np.concatenate([rng.uniform(0, 200, (4, 2)), rng.uniform(20, 140, (4, 2))], 1).round(1)
        boxes[0, 2:] += 100  # somebody large, for where everybody is ignored DensePose departs from COCO
        crowd = np.array([False, False, False, rng.random() < 0.5])
        guesses = np.concatenate([boxes, boxes, rng.uniform(20, 200, (3, 4))])
        guesses = (guesses + rng.normal(0, 6, guesses.shape)).round(1)
        guesses[:, 2:] = np.maximum(guesses[:, 2:], 5)
        scores = rng.permutation(10_000)[: len(guesses)] / 10_000
        area = boxes[:, 2] * boxes[:, 3]
        for box, size, many in zip(boxes.tolist(), area.tolist(), crowd.tolist(), strict=True):
            facts = {"id": len(true) + 1, "image_id": image, "category_id": 1, "iscrowd": int(many)}
            true.append(facts | {"bbox": box, "area": size})
        for box, sure in zip(guesses.tolist(), scores.tolist(), strict=True):
            found.append({"image_id": image, "category_id": 1, "bbox": box, "score": sure})
        overlap = gps.box_ious(guesses, boxes, crowd)
        sizes = guesses[:, 2] * guesses[:, 3]
        ours.update(gps.Photo(overlap, np.zeros_like(overlap), scores, sizes, area, crowd, crowd))
    coco = COCO()
    coco.dataset = {"images": [{"id": image} for image in range(30)], "annotations": true, "categories": [{"id": 1}]}
    coco.createIndex()
    theirs = COCOeval(coco, coco.loadRes(found), "bbox")
    theirs.evaluate()
    theirs.accumulate()
    theirs.summarize()
    ap, ap50, ap75, _, _, large, *_ = theirs.stats
    expected = {"AP": ap, "AP50": ap50, "AP75": ap75, "APl": large, "AR": theirs.stats[8]}
    got = ours.result()
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert 0.2 < ap < 0.9
