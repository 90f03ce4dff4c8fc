"""The stages on the smallest networks of the real kind: what each begins with, and what a run gives back."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from toy import TINY, make_item

from dpt_tf import config, iuv, synthetic
from dpt_tf.data import fingerprint, read, records
from dpt_tf.system import locks
from dpt_tf.system.errors import UserError
from dpt_tf.training import beginning, checkpoints, loop, run, stages, trained


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a run whose every stage holds weights of its own, and those stages."""
    folder = tmp_path_factory.mktemp("run")
    TINY.save(folder / "hparams.json")
    built = {name: stages.build(name, TINY) for name in ("predictive", "inpainting", "joint")}
    for name, stage in built.items():
        for v in stage.network.variables:
            v.assign(tf.random.stateless_normal(v.shape, [1, len(name)], stddev=0.1))
        checkpoints.save(trained.folder(folder, name), 5, stage.variables)
    return folder, built


def test_joint_begins_with_what_the_earlier_stages_learnt(made):
    folder, built = made
    joint = stages.build("joint", TINY)
    blending = [np.array(v) for v in joint.network.get_layer("blending").variables]
    stages.begin(joint, folder, say=lambda text: None)
    predictive = joint.network.get_layer("predictive")
    inpainting = joint.network.get_layer("warping").get_layer("inpainting")
    for learnt, v in zip(
        built["predictive"].network.variables + built["inpainting"].network.variables,
        predictive.variables + inpainting.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(np.array(learnt), np.array(v))
    for before, v in zip(blending, joint.network.get_layer("blending").variables, strict=True):
        np.testing.assert_array_equal(before, np.array(v))


def test_joint_without_an_earlier_stage_says_which_to_train(made, tmp_path):
    _, built = made
    with pytest.raises(UserError, match="--stage=predictive first"):
        stages.begin(built["joint"], tmp_path, say=lambda text: None)


def test_a_runs_generator_is_the_one_that_was_trained(made):
    folder, built = made
    network, hparams, provenance = trained.load_generator(folder)
    assert hparams == TINY
    assert provenance["step"] == 5
    for before, loaded in zip(built["joint"].network.variables, network.variables, strict=True):
        np.testing.assert_array_equal(np.array(before), np.array(loaded))


FEWER = pytest.mark.parametrize("blocks", [blocks for blocks in config.BLOCKS if blocks != "full"])


def batch(seed):
    """Two people of noise whose sources show some parts and whose targets every part."""
    rng = np.random.default_rng(seed)

    def iuv(parts=24):
        part = rng.integers(0, parts + 1, (2, 8, 8, 1)).repeat(4, 1).repeat(4, 2)
        return tf.constant(np.concatenate([part, rng.integers(0, 256, (2, 32, 32, 2))], -1), tf.uint8)

    def photo():
        return tf.constant(rng.uniform(-1, 1, (2, 32, 32, 3)), tf.float32)

    return {"source": photo(), "source_iuv": iuv(12), "target_iuv": iuv()}, photo()


@pytest.mark.parametrize("blocks", config.BLOCKS)
def test_a_joint_stage_begins_with_the_stages_of_its_blocks_and_resumes_to_the_same_end(blocks, made, tmp_path):
    earlier, _ = made
    hparams = TINY.replace(blocks=blocks, batch_size=2, gan_weight=0.0)

    def weights(stage):
        return [np.array(v) for v in stage.network.variables]

    def joint():  # SGD, because the first steps of Adam make rounding as large as any gradient
        return stages.build("joint", hparams, optimizer=lambda: keras.optimizers.SGD(0.01, momentum=0.9))

    whole, said = joint(), []
    stages.begin(whole, earlier, said.append)
    expected = [name for name in hparams.stages() if name != "joint"]
    assert said == [f"joint: begins with {name} as of step 5" for name in expected]
    whole.step(*batch(1))
    checkpoints.save(tmp_path, 1, whole.variables)
    before = weights(whole)
    whole.step(*batch(2))
    resumed = joint()
    checkpoints.restore(tmp_path / "step_00000001", resumed.variables)
    resumed.step(*batch(2))
    assert all(np.any(a != b) for a, b in zip(before, weights(whole), strict=True))
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    shown = whole.pictures(*batch(1))
    assert ("texture/inpainted" in shown) == (blocks == "full")
    assert {"source", "pose", "truth", "predicted", "warped", "result", "texture/before"} <= set(shown)


@pytest.mark.slow
def test_a_run_without_inpainting_leaves_its_stage_out_says_so_and_goes_on(tmp_path):
    data_dir, run_dir, said = tmp_path / "data", tmp_path / "run", []
    records.write(data_dir, "toy", {"train": [make_item("person", 3, size=32)]}, 32, "toy")
    hparams = TINY.replace(blocks="refinement", batch_size=2, gan_weight=0.0, predictive_steps=1, joint_steps=1)
    schedule = loop.Schedule(pictures_every=0)
    run.train(run_dir, data_dir, hparams, schedule=schedule, say=said.append)
    assert [line for line in said if line.startswith("inpainting")] == [
        "inpainting: left out, blocks=refinement has none"
    ]
    assert sorted(path.name for path in run_dir.iterdir() if path.is_dir()) == ["joint", "predictive"]
    run.train(run_dir, data_dir, hparams.replace(joint_steps=2), schedule=schedule, say=said.append)
    assert "joint: goes on from step 1 of 2" in said
    assert trained.provenance(run_dir, "joint")["data"] == fingerprint.of(data_dir)
    network, loaded, facts = trained.load_generator(run_dir)
    assert (loaded.blocks, facts["step"]) == ("refinement", 2)
    assert network.get_layer("blending").get_layer("encode").kernel.shape[2] == 6


@pytest.mark.parametrize("blocks", config.BLOCKS)
def test_all_the_stages_are_those_of_the_blocks(blocks):
    said = []
    hparams = TINY.replace(blocks=blocks)
    assert run._needed(config.STAGES, hparams, said.append) == list(hparams.stages())
    assert said == ([] if blocks == "full" else [f"inpainting: left out, blocks={blocks} has none"])


@FEWER
def test_such_a_stage_alone_is_refused_before_anything_is_written(blocks, tmp_path):
    with pytest.raises(ValueError) as refused:
        run.train(tmp_path / "run", tmp_path / "data", TINY.replace(blocks=blocks), ["inpainting"])
    assert f"with blocks={blocks} the inpainting stage has nothing to train" in str(refused.value)
    assert "predictive, joint" in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_run_of_other_blocks_is_refused(made):
    folder, _ = made
    with pytest.raises(UserError, match="blocks is full there and refinement here"):
        run.refuse_another(folder, TINY.replace(blocks="refinement"))


def test_what_is_no_run_or_has_no_joint_stage_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"is not a run \(it has no hparams.json\)"):
        trained.load_generator(tmp_path)
    TINY.save(tmp_path / "hparams.json")
    with pytest.raises(UserError, match="no trained joint stage"):
        trained.load_generator(tmp_path)


def test_a_checkpoint_holds_the_discriminator_and_both_optimizers(made):
    _, built = made
    assert set(built["joint"].variables) == {"generator", "optimizer", "discriminator", "discriminator_optimizer"}


def test_the_same_seed_gives_the_same_weights_and_another_other_ones():
    def kernel(seed):
        return np.array(stages.build("predictive", TINY.replace(seed=seed)).network.variables[0])

    np.testing.assert_array_equal(kernel(3), kernel(3))
    assert np.abs(kernel(3) - kernel(4)).max() > 0


@pytest.mark.parametrize(
    ("able", "precision", "warned"), [(False, "bfloat16", True), (True, "bfloat16", False), (False, "float32", False)]
)
def test_bfloat16_that_the_processor_has_not_is_warned_of(tmp_path, monkeypatch, able, precision, warned):
    monkeypatch.setattr(run.processor, "computes_in_bfloat16", lambda: able)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    said = []
    with pytest.raises(UserError):
        run.train(tmp_path / "run", tmp_path / "data", TINY.replace(mixed_precision=precision), say=said.append)
    assert any("float32 is several times faster here" in line for line in said) is warned


def test_bfloat16_computes_in_bfloat16_and_keeps_its_weights_in_float32():
    stage = stages.build("predictive", TINY.replace(mixed_precision="bfloat16"))
    assert stage.network.get_layer("encode_1").compute_dtype == "bfloat16"
    assert {str(v.dtype) for v in stage.network.variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_run_of_other_hyper_parameters_is_refused_and_they_are_named(made):
    folder, _ = made
    with pytest.raises(UserError) as refused:
        run.train(folder, folder / "data", TINY.replace(preset="small", width=8))
    assert "preset is paper there and small here, width is 4 there and 8 here" in str(refused.value)
    assert "another --workdir" in str(refused.value)


def test_a_run_may_become_longer_unless_its_rate_was_to_cool_down(made):
    folder, _ = made
    run.refuse_another(folder, TINY.replace(joint_steps=9))
    with pytest.raises(UserError, match="joint_steps is 0 there and 9 here"):
        TINY.replace(cooldown=0.5).save(folder / "hparams.json")
        run.refuse_another(folder, TINY.replace(cooldown=0.5, joint_steps=9))
    TINY.save(folder / "hparams.json")


def test_what_fails_before_the_first_step_does_not_bind_the_run(tmp_path):
    data_dir, hparams = tmp_path / "data", TINY.replace(style_weight=1.0, predictive_steps=1)
    records.write(data_dir, "toy", {"train": [make_item("person", 3, size=32)]}, 32, "toy")
    with pytest.raises(UserError, match=r"no VGG19 weights at nowhere\.h5"):
        run.train(tmp_path / "run", data_dir, hparams, vgg_weights="nowhere.h5")
    assert not list((tmp_path / "run").rglob("step_*"))
    run.refuse_another(tmp_path / "run", TINY)


def test_a_stage_is_not_continued_with_other_vgg_weights(made):
    folder, _ = made
    run._write_facts(folder, "joint", {"dataset": "folder", "vgg": "imagenet"})
    with pytest.raises(UserError, match="--vgg=imagenet, not random"):
        run._compare_vgg(folder, "joint", {"dataset": "folder", "vgg": "random"})


def write_people(data_dir, shift=0):
    item = make_item("person", 3, size=32)
    for view in item["views"]:
        view["image"] = iuv.encode(np.full((32, 32, 3), 90 + shift, np.uint8))
    records.write(data_dir, "toy", {"train": [item]}, 32, "toy")
    return data_dir


HPARAMS = TINY.replace(predictive_steps=1, inpainting_steps=1)


def behind_it(folder, data_dir):
    """A run whose predictive stage was trained on `data_dir`, as far as anybody asks before weights are read."""
    folder.mkdir()
    HPARAMS.save(folder / "hparams.json")
    checkpoints.save(trained.folder(folder, "predictive"), 1, {"predictive": [keras.Variable([1.0])]})
    noted = {"dataset": "folder", "data_dir": str(data_dir), "data": fingerprint.of(data_dir), "vgg": None}
    run._write_facts(folder, "predictive", noted)
    return folder


def test_a_run_does_not_go_on_with_other_people_wherever_they_lie(tmp_path):
    theirs, others = write_people(tmp_path / "theirs"), write_people(tmp_path / "others", shift=1)
    folder, said = behind_it(tmp_path / "run", theirs), []
    for more in (HPARAMS, HPARAMS.replace(predictive_steps=2)):  # trained already, and to be gone on with
        with pytest.raises(UserError) as refused:
            run.train(folder, others, more, ["predictive"], say=said.append)
        assert f"was trained on another data set ({theirs}, 3 views, digest" in str(refused.value)
        assert f"than {others} (3 views, digest" in str(refused.value)
    moved = theirs.rename(tmp_path / "moved")
    run.train(folder, moved, HPARAMS, ["predictive"], say=said.append)
    assert said == ["predictive: trained already, 1 steps; nothing to do"]


def test_a_later_stage_does_not_see_other_people_than_the_earlier_ones(tmp_path):
    folder = behind_it(tmp_path / "run", write_people(tmp_path / "theirs"))
    with pytest.raises(UserError, match=r"the predictive stage of .* was trained on another data set"):
        run.train(folder, write_people(tmp_path / "others", shift=1), HPARAMS, ["inpainting"])
    assert not (folder / "inpainting").exists()


def test_a_run_that_noted_no_data_goes_on(tmp_path):
    folder, said = behind_it(tmp_path / "run", write_people(tmp_path / "data")), []
    run._write_facts(folder, "predictive", {"dataset": "folder", "data_dir": "data", "vgg": None})
    run.train(folder, tmp_path / "data", HPARAMS, ["predictive"], say=said.append)
    assert said == ["predictive: trained already, 1 steps; nothing to do"]


def test_two_programs_do_not_train_in_one_folder(tmp_path):
    with locks.claimed(tmp_path), pytest.raises(UserError, match="another program"):
        run.train(tmp_path, tmp_path / "data", TINY)


MAPS = config.preset("pose").replace(image_size=32, fcn_width=32, batch_size=2, cooldown=0.0)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two synthetic people, drawn small."""
    folder = tmp_path_factory.mktemp("people")
    synthetic.generate(folder, people=2, test_people=0, views=3, image_size=32, workers=1)
    return folder


@pytest.mark.slow
def test_the_stage_of_maps_trains_alone_learns_and_resumes_to_the_same_end(people, tmp_path):
    tf.config.experimental.enable_op_determinism()
    quiet = loop.Schedule(pictures_every=0)
    for folder, lengths in ((tmp_path / "whole", (6,)), (tmp_path / "stopped", (2, 6))):
        for length in lengths:
            run.train(folder, people, MAPS.replace(pose_steps=length), ["pose"], "synthetic", schedule=quiet, say=str)
    whole, stopped = (trained.load_fcn(tmp_path / name) for name in ("whole", "stopped"))
    assert whole[2]["step"] == 6
    for one, other in zip(whole[0].variables, stopped[0].variables, strict=True):
        np.testing.assert_array_equal(np.array(one), np.array(other))
    fresh = stages.build("pose", MAPS).network
    moved = [
        np.abs(np.array(a) - np.array(b)).max() > 0 for a, b in zip(whole[0].variables, fresh.variables, strict=True)
    ]
    assert np.mean(moved) > 0.95


def test_all_stages_do_not_train_maps_and_a_run_without_them_says_so(made):
    folder, _ = made
    assert "pose" not in config.STAGES
    assert TINY.needed([*config.STAGES, "pose"]) == [*config.STAGES, "pose"]
    with pytest.raises(UserError, match=r"no trained pose stage.*--stage=pose"):
        trained.load_fcn(folder)


def test_the_stage_of_maps_shows_photo_truth_map_and_person(people):
    stage = stages.build("pose", MAPS)
    x, truth = next(iter(read.train_batches(people, MAPS, "pose")))
    shown = stage.pictures(x, truth)
    assert set(shown) == {"photo", "truth", "found", "person"}
    assert all(picture.dtype == np.uint8 and picture.shape[0] == 2 for picture in shown.values())


@pytest.mark.slow
def test_the_stage_of_maps_begins_with_a_runs_weights_also_at_another_size(people, tmp_path):
    quiet = loop.Schedule(pictures_every=0)
    run.train(tmp_path / "a", people, MAPS.replace(pose_steps=1), ["pose"], "synthetic", schedule=quiet, say=str)
    begun = beginning.read(tmp_path / "a", MAPS.replace(image_size=64), ["pose"])
    stage = stages.build("pose", MAPS.replace(image_size=64))
    begun.give(stage)
    network, _, _ = trained.load_fcn(tmp_path / "a")
    for one, other in zip(network.variables, stage.network.variables, strict=True):
        np.testing.assert_array_equal(np.array(one), np.array(other))
    with pytest.raises(UserError, match="fcn_width is 32 there and 48 here"):
        beginning.read(tmp_path / "a", MAPS.replace(fcn_width=48), ["pose"])


LAYERED = TINY.replace(blending="layers", surface_prior=1, augment=1, matte_weight=1.0, gan_weight=0.0, batch_size=2)


@pytest.mark.slow
def test_mattes_are_learnt_alone_resume_to_the_same_end_and_the_joint_stage_begins_with_them(people, tmp_path):
    tf.config.experimental.enable_op_determinism()
    quiet = loop.Schedule(pictures_every=0)
    for folder, lengths in ((tmp_path / "whole", (2,)), (tmp_path / "stopped", (1, 2))):
        for length in lengths:
            hparams = LAYERED.replace(matting_steps=length)
            run.train(folder, people, hparams, ["matting"], "synthetic", schedule=quiet, say=str)
    joint, fresh = stages.build("joint", LAYERED), stages.build("matting", LAYERED).network
    learnt = joint.network.get_layer("matting").variables
    ends = []
    for name in ("whole", "stopped"):
        stages.begin(joint, tmp_path / name, say=str, has_weights=True)
        ends.append([np.array(v) for v in learnt])
    for one, other, before in zip(*ends, fresh.variables, strict=True):
        np.testing.assert_array_equal(one, other)
        assert (one != np.array(before)).any()


def test_mattes_may_be_left_out_and_are_only_of_layers(made, tmp_path):
    folder, _ = made
    stages.begin(stages.build("joint", LAYERED.replace(surface_prior=0)), folder, say=str)
    assert "matting" not in config.STAGES
    assert LAYERED.needed([*config.STAGES, "matting"]) == [*config.STAGES, "matting"]
    with pytest.raises(ValueError, match="they take blending=layers"):
        TINY.needed(["matting"])


def test_a_step_on_mattes_sees_both_views_and_leaves_those_out_that_have_none(people):
    stage = stages.build("matting", LAYERED)
    x, y = next(iter(read.train_batches(people, LAYERED, "matting")))
    assert set(stage.pictures(x, y)) == {"source", "truth", "matte", "backdrop"}
    first = float(stage.step(x, y)["matte"])
    assert first > 0
    none = {name: tf.zeros_like(value) for name, value in x.items() if name.endswith("_has_matte")}
    assert float(stage.step(x | none, y)["matte"]) == 0
    later = [float(stage.step(x, y)["matte"]) for _ in range(8)][-1]
    assert later < first
