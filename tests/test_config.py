"""Hyper-parameters are cast, checked and written whole."""

import dataclasses
import json

import pytest

from dpt_tf import config


def test_the_defaults_are_the_papers():
    paper = config.preset("paper")
    assert (paper.l1_weight, paper.perceptual_weight, paper.style_weight, paper.gan_weight) == (1, 0.5, 5e5, 0.1)
    assert (paper.learning_rate, paper.beta_1, paper.beta_2, paper.batch_size, paper.epochs) == (
        2e-4,
        0.5,
        0.999,
        8,
        40,
    )
    assert (paper.image_size, paper.atlas_size, paper.width, paper.residuals) == (256, 256, 64, 6)


def test_overrides_are_cast_by_field_type():
    changed = config.override(config.preset("small"), "gan_weight=0,batch_size=4,mixed_precision=bfloat16")
    assert (changed.gan_weight, changed.batch_size, changed.mixed_precision) == (0.0, 4, "bfloat16")
    assert isinstance(changed.gan_weight, float)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gain_weight=0", "gain_weight; have .*gan_weight"),
        ("batch_size=four", "batch_size wants int, got 'four'"),
        ("batch_size", "key=value, got 'batch_size'"),
        ("batch_size=0", "batch_size is 0"),
        ("learning_rate=nan", "learning_rate is nan; it must be a number from 1e-12 to 10"),
        ("cooldown=2", "cooldown is 2.0"),
        ("seed=4294967296", "seed is 4294967296; it must be a whole number from 0 to 4294967295"),
        ("image_size=100", "image_size is 100; it must be a whole number from 32 to 4096, a multiple of 16"),
        ("source_pose=skeleton", "skeleton.*keypoints"),
        ("blocks=inpainting", "blocks is 'inpainting'; it can be one of predictive, refinement, warping, full"),
        ("width=3,width=4", "hyper-parameter width is given twice; give it once"),
        ("preset=paper", "no such hyper-parameter: preset"),
    ],
)
def test_a_bad_override_says_what_is_wrong(text, said):
    with pytest.raises(ValueError, match=said):
        config.override(config.preset("small"), text)


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(ValueError, match="huge; have layers, paper, pose, small"):
        config.preset("huge")


def test_what_is_saved_is_what_is_loaded(tmp_path):
    hparams = config.preset("small").replace(seed=7)
    hparams.save(tmp_path / "hparams.json")
    assert config.load(tmp_path / "hparams.json") == hparams
    assert [path.name for path in tmp_path.iterdir()] == ["hparams.json"]


def test_a_run_from_before_there_were_blocks_to_choose_has_them_all(tmp_path):
    path = tmp_path / "hparams.json"
    config.preset("small").replace(seed=7).save(path)
    values = json.loads(path.read_text())
    del values["blocks"]
    path.write_text(json.dumps(values))
    assert config.load(path) == config.preset("small").replace(seed=7, blocks="full")


def test_only_all_the_blocks_need_all_the_stages():
    needed = {blocks: config.HParams(blocks=blocks).stages() for blocks in config.BLOCKS}
    assert needed.pop("full") == config.STAGES
    assert set(needed.values()) == {("predictive", "joint")}


def test_a_foreign_file_is_named(tmp_path):
    path = tmp_path / "hparams.json"
    path.write_text('{"colour": 3}')
    with pytest.raises(ValueError, match=r"hparams\.json"):
        config.load(path)


def test_a_stage_lasts_its_own_steps_or_the_epochs():
    hparams = config.preset("paper").replace(joint_steps=12)
    assert hparams.stage_steps("joint", 100) == 12
    assert hparams.stage_steps("predictive", 100) == 4000
    assert dataclasses.is_dataclass(hparams)
