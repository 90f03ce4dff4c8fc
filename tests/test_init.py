"""`--init`: a run that begins with trained weights, of a shipped model or of another run."""

import numpy as np
import pytest
import tensorflow as tf
from exporting import make_run
from test_train_command import command, kill_at, mistaken, run
from toy import TINY, make_item

from dpt_tf import config
from dpt_tf.commands import train
from dpt_tf.data import records
from dpt_tf.shipped import fitting, weights
from dpt_tf.system.errors import UserError
from dpt_tf.training import beginning, checkpoints, loop, networks, stages, trained
from dpt_tf.training import run as training

LAYERS = TINY.replace(blending="layers", surface_prior=1, palette=1, gan_weight=0.0, batch_size=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, the same as a shipped model, and people."""
    folder = tmp_path_factory.mktemp("init")
    network, hparams, _ = trained.load_generator(make_run(folder / "run"))
    card = {"steps": {"joint": 7}, "provenance": {"dataset": "synthetic"}}
    weights.write(folder / "model", hparams, weights.of(network), card)
    records.write(folder / "data", "toy", {"train": [make_item(f"person{i}", 3, size=32) for i in range(4)]}, 32, "toy")
    return folder


@pytest.mark.parametrize("kind", ["run", "model"])
def test_every_stage_begins_with_its_part(kind, made):
    begun_with = beginning.read(made / kind, TINY)
    generator = trained.load_generator(made / kind)[0]
    warping = generator.get_layer("warping")
    parts = {"joint": generator, "predictive": generator.get_layer("predictive")}
    parts["inpainting"] = warping.get_layer("inpainting")
    for name, part in parts.items():
        stage = stages.build(name, TINY.replace(seed=9))
        begun_with.give(stage)
        for given, variable in zip(part.variables, stage.network.variables, strict=True):
            np.testing.assert_array_equal(np.array(given), np.array(variable), err_msg=f"{name}: {variable.path}")


def test_joint_needs_no_earlier_stages_and_takes_those_that_are_there(made, tmp_path):
    begun_with, said = beginning.read(made / "model", TINY), []
    joint = stages.build("joint", TINY)
    begun_with.give(joint)
    stages.begin(joint, tmp_path, said.append, has_weights=True)
    assert said == []
    own = stages.build("predictive", TINY.replace(seed=5))
    checkpoints.save(trained.folder(tmp_path, "predictive"), 3, own.variables)
    stages.begin(joint, tmp_path, said.append, has_weights=True)
    assert said == ["joint: begins with predictive as of step 3"]
    first = [np.array(part.variables[0]) for part in (own.network, joint.network.get_layer("predictive"))]
    np.testing.assert_array_equal(*first)
    inpainting = joint.network.get_layer("warping").get_layer("inpainting")
    np.testing.assert_array_equal(begun_with.weights["inpainting"][0], np.array(inpainting.variables[0]))


def test_pictures_may_be_larger_and_the_networks_may_not(made):
    for hparams in (LAYERS, TINY):
        sizes = [networks.generator_of(hparams.replace(image_size=size)).variables for size in (32, 48)]
        assert [v.shape for v in sizes[0]] == [v.shape for v in sizes[1]]
    fitting.refuse(made / "model", TINY.replace(image_size=48, learning_rate=1.0, seed=8))
    with pytest.raises(UserError) as refused:
        beginning.read(made / "model", TINY.replace(width=8, atlas_size=64, image_size=64))
    differ = "atlas_size is 32 there and 64 here, width is 4 there and 8 here"
    assert f"--init={made / 'model'} does not fit: {differ}; give the same" in str(refused.value)


def test_every_hyper_parameter_that_a_generator_is_built_from_is_compared():
    read = set()

    class Recorder:
        def __getattr__(self, name):
            read.add(name)
            return getattr(LAYERS, name)

    networks.generator_of(Recorder())
    assert read - {"image_size", "inpaints"} == set(config.NETWORKS)  # which asks for `blocks` itself


def test_an_init_that_does_not_fit_is_one_line_before_anything_starts(tmp_path, monkeypatch, capsys, made):
    flags = ["--dataset=folder", f"--data_dir={made / 'data'}", f"--workdir={tmp_path / 'run'}"]
    monkeypatch.setattr("dpt_tf.system.quiet.start_tensorflow", lambda: pytest.fail("it went to work"))
    for more, said in (
        (["--init=people", "--preset=small", "--hparams=width=8"], "does not fit: "),
        (["--init=people", "--hparams=width=8"], "width is 24 there and 8 here"),
        (["--init=nobody"], "--init=nobody is neither a run (it has no hparams.json) nor a shipped model"),
    ):
        assert mistaken(tmp_path, monkeypatch, [*flags, *more]) == 2
        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert said in line and not printed.out
    assert not (tmp_path / "run").exists()


def test_without_a_preset_the_networks_and_losses_are_those_of_the_weights():
    theirs = fitting.hparams_of("people")
    ours = train._hparams(train._parse(["--init=people", "--hparams=joint_steps=9"]))
    assert ours == config.beginning_with(theirs).replace(joint_steps=9)
    assert ours.image_size == theirs.image_size and not config.unlike(ours, theirs)


def train_with(made, folder, init, joint_steps=1):
    said: list[str] = []
    hparams = TINY.replace(gan_weight=0.0, batch_size=2, joint_steps=joint_steps)
    schedule = loop.Schedule(pictures_every=0)
    training.train(folder, made / "data", hparams, ["joint"], schedule=schedule, say=said.append, init=init)
    return said


@pytest.mark.slow
def test_what_a_stage_began_with_is_written_down_and_kept_to(made, tmp_path):
    folder, model = tmp_path / "run", made / "model"
    said = train_with(made, folder, model)
    assert said[0] == f"joint: begins with the weights of {model}, step 7"
    noted = trained.provenance(folder, "joint")["init"]
    assert noted == {"name": str(model), "step": 7, "digest": weights.read_card(model)["digest"]}
    for other, given in ((made / "run", f"--init={made / 'run'}"), (None, "no --init")):
        with pytest.raises(UserError, match=f"begun with --init={model} .*, not with {given}"):
            train_with(made, folder, other, joint_steps=2)
    assert "joint: goes on from step 1 of 2" in train_with(made, folder, model, joint_steps=2)


FLAGS = ("--stage=joint", "--save_every=1")
EIGHT = "predictive_steps=8,inpainting_steps=8,joint_steps=8,batch_size=2"


@pytest.mark.slow
def test_a_killed_run_with_init_ends_like_one_that_was_not(made, tmp_path):
    flags = [*FLAGS, f"--init={made / 'model'}"]
    arguments = [command(made / "data", tmp_path / name, *flags, hparams=EIGHT) for name in ("whole", "killed")]
    assert run(*arguments[0]).returncode == 0
    kill_at(tmp_path / "killed" / "joint" / "checkpoints", 3, arguments[1])
    resumed = run(*arguments[1])
    assert resumed.returncode == 0 and "goes on from step" in resumed.stdout + resumed.stderr, resumed.stderr
    whole, killed = (
        tf.train.load_checkpoint(str(checkpoints.latest(tmp_path / name / "joint" / "checkpoints") / "variables"))
        for name in ("whole", "killed")
    )
    names = [name for name in whole.get_variable_to_shape_map() if "OBJECT" not in name]
    assert len(names) > 20
    for name in names:
        np.testing.assert_array_equal(whole.get_tensor(name), killed.get_tensor(name), err_msg=name)
