"""Rows are what the paper trained, and a verdict says no more than its numbers do."""

import dataclasses

import pytest

from dpt_tf import config
from dpt_tf.config import HParams
from dpt_tf.experiments import verdicts
from dpt_tf.experiments.tables import TABLES, Ordering
from dpt_tf.system.errors import UserError

PAPERS = [number for number in TABLES if isinstance(number, int)]


@pytest.mark.parametrize("number", TABLES)
@pytest.mark.parametrize("preset", ["paper", "small"])
def test_rows_are_hyper_parameters_that_a_run_can_have_and_no_two_are_the_same(number, preset):
    table, base = TABLES[number], config.preset(preset)
    made = [row.hparams(base, 7) for row in table.rows]
    assert len(set(made)) == len(made) == len({row.name for row in table.rows})
    assert all(hparams.seed == 7 for hparams in made)
    common = {field.name for field in dataclasses.fields(base)} - {key for row in table.rows for key in row.changes}
    for hparams in made:
        assert all(getattr(hparams, key) == getattr(base, key) for key in common - {"seed"})


def test_tables_train_on_the_losses_that_the_paper_names():
    def weights(number, row):
        hparams = next(r for r in TABLES[number].rows if r.name == row).hparams(config.preset("small"), 0)
        return hparams.l1_weight, hparams.perceptual_weight, hparams.style_weight, hparams.gan_weight

    for number in (3, 4, 7):
        assert {weights(number, row.name) for row in TABLES[number].rows} == {(1, 0, 0, 0)}
    assert [weights(5, row.name) for row in TABLES[5].rows] == [
        (1, 0, 0, 0), (1, 0.5, 0, 0), (1, 0, 5e5, 0), (1, 0.5, 5e5, 0),
        (1, 0, 0, 0.1), (1, 0.5, 0, 0.1), (1, 0, 5e5, 0.1), (1, 0.5, 5e5, 0.1),
    ]  # fmt: skip
    for number in (1, 8):
        assert weights(number, "best_structure") == weights(5, "l1")
        assert weights(number, "highest_realism") == weights(5, "l1+style")
        assert weights(number, "balanced") == weights(5, "all")


BEYOND = ("palette", "surface_prior", "blending", "augment", "ssim_weight", "predicted_weight", "matte_weight")


def beyond(hparams):
    """What of the hyper-parameters goes beyond the paper."""
    return {key: getattr(hparams, key) for key in BEYOND if getattr(hparams, key) != getattr(HParams(), key)}


@pytest.mark.parametrize("preset", ["layers", "small"])
def test_rows_of_the_papers_tables_have_nothing_beyond_the_paper_whatever_they_begin_with(preset):
    assert len(beyond(config.preset(preset))) == len(BEYOND)
    for row in (row for number in PAPERS for row in TABLES[number].rows):
        assert beyond(row.hparams(config.preset(preset), 0)) == {}
    with pytest.raises(UserError, match="palette=1: the row mask of Table 3 is what it is by palette=0"):
        TABLES[3].check({"palette": 1})


def test_beyond_the_paper_each_thing_stands_alone_then_all_as_the_preset_ships_them():
    rows = [row.hparams(config.preset("small"), 0) for row in TABLES["beyond"].rows]
    paper, prior, layers, palette, augmentation, together, shipped = map(beyond, rows)
    assert paper == {}
    assert [prior, layers, palette, augmentation] == [
        {"surface_prior": 1}, {"blending": "layers"}, {"palette": 1}, {"augment": 1}
    ]  # fmt: skip
    assert together == prior | layers | palette | augmentation
    assert shipped == beyond(config.preset("layers")) and shipped.keys() == set(BEYOND)
    assert {(one.blocks, one.l1_weight, one.perceptual_weight, one.gan_weight) for one in rows} == {("full", 1, 0, 0)}
    full = next(row for row in TABLES[4].rows if row.name == "full")
    assert full.hparams(config.preset("small"), 0) == rows[0], "so that it is not trained again"


@pytest.mark.parametrize("number", PAPERS)
def test_orderings_that_are_said_to_be_the_figures_are(number):
    paper = {row.name: row.paper for row in TABLES[number].rows}
    for ordering in TABLES[number].orderings:
        values = [paper[name][ordering.score] for name in ordering.names]
        if "otherwise" in ordering.where:
            assert values != sorted(values, reverse=True)
        else:
            assert values == sorted(values, reverse=True) and len(set(values)) == len(values)


def test_equal_networks_of_different_tables_have_equal_figures():
    def row(number, name):
        return next(row for row in TABLES[number].rows if row.name == name)

    same = [row(3, "densepose"), row(4, "predictive"), row(7, "densepose-densepose")]
    assert len({one.hparams(config.preset("paper"), 0) for one in same}) == 1
    assert same[0].paper == same[1].paper == same[2].paper
    assert row(4, "full").paper == row(5, "l1").paper
    assert row(3, "keypoints").paper == row(7, "keypoints-keypoints").paper


def made(**ssim):
    return {row: {seed: {"SSIM (dsc)": value} for seed, value in enumerate(values)} for row, values in ssim.items()}


def test_an_order_has_three_verdicts():
    order = Ordering("SSIM", ("a", "b", "c"))
    found = verdicts.verdict_of(order, made(a=[0.9, 0.8, 0.7], b=[0.8, 0.71, 0.6], c=[0.5, 0.4, 0.31]))
    assert found.verdict == verdicts.HELD, "seeds differ more than rows, but not within a seed"
    assert found.numbers[0] == "a - b: +0.0967 (standard error 0.0033, 3 seeds)"
    assert len(found.numbers) == 2
    found = verdicts.verdict_of(order, made(a=[0.5, 0.5, 0.51], b=[0.6, 0.6, 0.6], c=[0.2, 0.21, 0.2]))
    assert found.verdict == verdicts.NOT_HELD
    found = verdicts.verdict_of(order, made(a=[0.5, 0.6, 0.5], b=[0.55, 0.5, 0.5], c=[0.2, 0.21, 0.2]))
    assert found.verdict == verdicts.OPEN
    found = verdicts.verdict_of(order, made(a=[0.9], b=[0.8], c=[0.5]))
    assert found.verdict == verdicts.OPEN
    assert found.numbers[0] == "a - b: +0.1000, one seed"
    assert verdicts.verdict_of(order, made(a=[0.9, 0.9], b=[0.9, 0.9], c=[0.9, 0.9])).verdict == verdicts.OPEN


def test_ends_that_are_seen_to_be_reversed_refute_an_order_whose_steps_are_not():
    order = Ordering("SSIM", ("a", "b", "c"))
    found = verdicts.verdict_of(order, made(a=[0.50, 0.50], b=[0.50, 0.58], c=[0.58, 0.59]))
    assert found.verdict == verdicts.NOT_HELD
    assert found.numbers[2].startswith("a - c: -0.0850")


def test_where_less_is_better_the_order_is_the_other_way_round():
    order = Ordering("L1", ("a", "b"))
    less, more = [0.01, 0.02, 0.01], [0.03, 0.05, 0.04]
    results = {row: {seed: {"L1": x} for seed, x in enumerate(xs)} for row, xs in (("a", less), ("b", more))}
    found = verdicts.verdict_of(order, results)
    assert found.verdict == verdicts.HELD
    assert found.numbers[0].startswith("a - b: -0.0267")
    assert verdicts.verdict_of(order, {"a": results["b"], "b": results["a"]}).verdict == verdicts.NOT_HELD


def test_the_person_alone_may_say_otherwise_than_the_whole_picture():
    def scores(whole, person):
        return {
            s: {"SSIM (dsc)": w, "SSIM (dsc, foreground)": p}
            for s, (w, p) in enumerate(zip(whole, person, strict=True))
        }

    results = {"a": scores([0.9, 0.8], [0.3, 0.2]), "b": scores([0.7, 0.61], [0.5, 0.41])}
    order = Ordering("SSIM", ("a", "b"))
    assert verdicts.verdict_of(order, results).verdict == verdicts.HELD
    found = verdicts.verdict_of(order, results, foreground=True)
    assert found.verdict == verdicts.NOT_HELD
    assert found.numbers == ("a - b: -0.2050 (standard error 0.0050, 2 seeds)",)
    assert [verdicts.has_foreground(score) for score in ("SSIM", "MS-SSIM", "L1", "IS")] == [True, True, True, False]


def test_only_seeds_that_both_rows_have_are_compared():
    order = Ordering("SSIM", ("a", "b"))
    results = made(a=[0.5, 0.6, 0.1], b=[0.4, 0.51])
    assert "(standard error 0.0050, 2 seeds)" in verdicts.verdict_of(order, results).numbers[0]
    assert verdicts.verdict_of(order, {"a": {0: {}}, "b": {1: {}}}).verdict == verdicts.OPEN


def test_the_bound_is_twice_the_standard_error():
    order = Ordering("SSIM", ("a", "b"))
    zero = [0.0, 0.0]
    # Differences d and d + 2: mean d + 1, standard error 1.
    assert verdicts.verdict_of(order, made(a=[0.99, 2.99], b=zero)).verdict == verdicts.OPEN
    assert verdicts.verdict_of(order, made(a=[1.01, 3.01], b=zero)).verdict == verdicts.HELD
    assert verdicts.verdict_of(order, made(a=[-3.01, -1.01], b=zero)).verdict == verdicts.NOT_HELD


def test_rows_are_chosen_by_number_name_or_label():
    names = [row.name for row in TABLES[5].choose("8, l1+p")]
    assert names == ["l1+p", "all"]
    assert [row.name for row in TABLES[5].choose("{L1, Lp}")] == ["l1+p"]
    assert len(TABLES[5].choose("")) == 8
