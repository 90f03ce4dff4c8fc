"""A run and the shipped model on the same people, each at its own size."""

import numpy as np
import pytest
import tensorflow as tf
from toy import TINY, make_item

from dpt_tf.data import records
from dpt_tf.evaluation import scoring, side_by_side
from dpt_tf.metrics import Scores
from dpt_tf.transfer import painter

SMALL, LARGE = 32, 96


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The painter and its split; the shipped model paints the large truth's grey level, plus one."""
    for size in (SMALL, LARGE):
        items = [make_item(f"person{i}", 3, size=size) for i in range(2)]
        records.write(tmp_path / str(size), "toy", {"test": items}, size, "toy")
    asked = []

    def transfer(photo, source_iuv, target_iuv):
        asked.append((photo, source_iuv, target_iuv))
        return {"image": np.full_like(target_iuv, target_iuv[6, 6, 1] + 1)}

    monkeypatch.setattr(painter, "load", lambda model: transfer)

    def model(inputs):
        photo = inputs["source"]
        return {"image": photo, "warped": photo, "predicted": photo, "layers": tf.zeros_like(photo)}

    split = scoring.Split(tmp_path / str(SMALL), TINY.replace(batch_size=4))
    return side_by_side.ShippedBeside(model, split, tmp_path / str(LARGE)), split, asked


def test_the_shipped_model_sees_large_pictures_and_is_scored_at_the_runs_size(beside, tmp_path):
    paint, split, asked = beside
    report = scoring.score(paint, split, Scores, tmp_path / "out", {})
    assert list(report.table) == ["copy", "warped", "pasted", "predicted", "shipped", "full"]
    assert report.table["shipped"]["L1"] == pytest.approx(1 / 255, rel=1e-3)
    assert report.table["copy"]["L1"] == report.table["full"]["L1"] > 0
    assert len(asked) == report.pairs == split.count()
    assert {array.shape for arrays in asked for array in arrays} == {(LARGE, LARGE, 3)}
    assert "shipped model" in report.markdown()


def test_a_sheet_shows_photos_whole_and_the_runs_pictures_enlarged(beside, tmp_path):
    paint, split, _ = beside
    scoring.score(paint, split, Scores, tmp_path / "out", {})
    (case, *_), *_ = scoring.cases(paint, split, tmp_path / "out", "L1", each=1).values()
    assert list(case.shown) == ["source", "target pose", "warped", "layers", "result", "shipped model", "truth"]
    sides = {caption: len(picture) for caption, picture in case.shown.items()}
    assert {caption for caption, side in sides.items() if side == SMALL} == {"warped", "layers", "result"}
    assert set(sides.values()) == {SMALL, LARGE}
    assert scoring.sheet([case], least=1).shape[1] == 7 * (LARGE + 2)
