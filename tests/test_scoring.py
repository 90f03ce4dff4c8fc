"""The table says which picture was nearest to the truth."""

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf.evaluation import scoring


def oracle(inputs):
    """Knows the truth in `full`, is 0.1 off in `predicted` and black in `warped`."""
    truth = -inputs["source"]
    return {"image": truth, "predicted": truth * 0.9, "warped": tf.zeros_like(truth) - 1}


def batches(sizes=(3, 2)):
    rng = np.random.default_rng(0)
    for size in sizes:
        source = tf.constant(rng.uniform(-1, 1, (size, 16, 16, 3)), tf.float32)
        iuv = tf.constant(rng.integers(1, 25, (size, 16, 16, 3)), tf.uint8)
        names = {key: tf.constant([f"{key}{i}" for i in range(size)]) for key in ("item", "source", "target")}
        yield {"source": source, "source_iuv": iuv, "target_iuv": iuv}, -source * 0.999, names


def test_the_rows_are_ranked_by_their_distance_to_the_truth():
    report = scoring.score(oracle, batches(), pairs=5)
    assert report.pairs == 5
    errors = [report.table[row]["L1"] for row in ("full", "predicted", "copy")]
    assert errors == sorted(errors)
    assert (
        report.table["full"]["SSIM (dsc)"]
        > report.table["predicted"]["SSIM (dsc)"]
        > report.table["warped"]["SSIM (dsc)"]
    )


def test_the_best_of_each_column_has_the_star():
    lines = scoring.score(oracle, batches(), pairs=5).markdown().splitlines()
    (full,) = (line for line in lines if line.startswith("| full"))
    assert full.count("*") == 3
    assert sum(line.count("*") for line in lines) == 3


def test_the_sheet_has_a_row_a_case():
    report = scoring.score(oracle, batches(), pairs=5, keep=2)
    assert [case.name for case in report.cases] == ["item0: source0 -> target0", "item2: source2 -> target2"]
    assert 2 * 16 < scoring.sheet(report.cases, least=16).shape[0] < scoring.sheet(report.cases, least=64).shape[0]


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="no pair"):
        scoring.score(oracle, [], pairs=0)


def test_the_pasted_row_has_the_sources_backdrop_behind_the_person():
    source = np.full((1, 8, 8, 3), 200, np.uint8)
    source[0, 2:6, 2:6] = 10
    iuv = np.zeros((1, 8, 8, 3), np.uint8)
    iuv[0, 3, 3] = (2, 0, 0)
    shown = scoring._before_backdrop(np.full((1, 8, 8, 3), 77, np.uint8), iuv, source)
    assert shown[0, 3, 3, 0] == 77
    assert (np.delete(shown[0].reshape(64, 3), 3 * 8 + 3, axis=0) == 200).all()
