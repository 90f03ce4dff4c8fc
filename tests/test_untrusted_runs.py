"""What lies in a run, a checkpoint or an export may have been cut, edited or made by a stranger: each is one line."""

import dataclasses
import hashlib
import json
import os
import shutil

import pytest
from exporting import make_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy import TINY, make_item

import dpt_tf
from dpt_tf import config
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data import records
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, run, trained

INDEX, DATA = "variables.index", "variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture
def checkpoint(copied):
    return checkpoints.all_of(trained.folder(copied, "joint"))[-1]


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(load) -> str:
    with pytest.raises(UserError) as caught:
        load()
    line = str(caught.value)
    assert "\n" not in line and len(line) < 600
    return line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 4096}, "names larger networks than"),
        ({"context_size": 1 << 20}, "names larger networks than"),
        ({"residuals": 1000}, "names larger networks than"),
        ({"width": 1}, "holds another generator"),
        ({"blocks": "predictive", "blending": "layers"}, "takes blocks=warping or blocks=full"),
        ({"width": 4.0}, "width is 4.0; it must be a whole number"),
        ({"width": 1e9}, "width is 1000000000.0; it must be a whole number"),
    ],
)
def test_hyper_parameters_of_another_network_are_told_before_it_is_built(copied, changes, said):
    edit(copied / "hparams.json", **changes)
    line = refused(lambda: dpt_tf.load(copied))
    assert said in line and (str(copied) in line or "blending" in line)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")
@pytest.mark.parametrize("name", ["hparams.json", "joint/provenance.json"])
@pytest.mark.parametrize("target", ["/dev/zero", None])
def test_a_device_or_a_pipe_in_a_run_holds_nobody_up(copied, name, target):
    path = copied / name
    path.unlink(missing_ok=True)
    os.symlink(target, path) if target else os.mkfifo(path)
    assert "a pipe or a device" in refused(lambda: trained.load_generator(copied))


def manifest(files):
    return {"step": 7, "files": files}


OTHERS = {INDEX: {"bytes": 1, "sha256": ""}, DATA: {"bytes": 1, "sha256": ""}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"files": ' + "[" * 900 + "]" * 900 + "}", "nested too deeply"),
        ("{}", "cannot be read"),
        (json.dumps(manifest({})), "lists no variables"),
        (json.dumps(manifest([INDEX, DATA])), "cannot be read"),
        (json.dumps(manifest(OTHERS | {"/dev/zero": {"bytes": 0}})), "names a file that is elsewhere"),
        (json.dumps(manifest({"../x": {"bytes": 0}} | OTHERS)), "names a file that is elsewhere"),
        (json.dumps(manifest({"": {"bytes": 0}} | OTHERS)), "names a file that is elsewhere"),
        (json.dumps(manifest(OTHERS)), "of 1 bytes"),
        (json.dumps(manifest({INDEX: 1, DATA: 2})), "cannot be read"),
        (json.dumps(manifest({INDEX: {"bytes": "9"}, DATA: {}})), "bytes"),
    ],
)
def test_a_changed_manifest_is_damage_and_a_line(copied, checkpoint, text, said):
    (checkpoint / "manifest.json").write_text(text)
    assert said in checkpoints.damage(checkpoint)
    assert "no whole checkpoint is left" in refused(lambda: trained.load_generator(copied))


def test_a_checkpoint_that_tensorflow_cannot_read_is_one_line_though_its_manifest_fits(copied, checkpoint):
    for name in (INDEX, DATA):
        (checkpoint / name).write_bytes(bytes(4 << 20))
    files = {
        name: {
            "bytes": 4 << 20,
            "sha256": hashlib.sha256(bytes(4 << 20)).hexdigest(),
        }
        for name in (INDEX, DATA)
    }
    (checkpoint / "manifest.json").write_text(json.dumps(manifest(files)))
    assert checkpoints.damage(checkpoint) is None
    assert "is no checkpoint of TensorFlow's" in refused(lambda: trained.load_generator(copied))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("/dev/zero"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
NAMES = st.sampled_from([INDEX, DATA, "manifest.json", "/dev/zero", "..", "."]) | st.text(max_size=5)
DESCRIBED = st.fixed_dictionaries({}, optional={"bytes": ANYTHING, "sha256": ANYTHING}) | ANYTHING
LISTED = st.dictionaries(NAMES, DESCRIBED, max_size=5).map(lambda files: json.dumps(manifest(files)).encode())
MANIFESTS = LISTED | ANYTHING.map(lambda found: json.dumps(found).encode()) | st.binary(max_size=60)


def _is_damage(checkpoint, data):
    (checkpoint / "manifest.json").write_bytes(data)
    assert isinstance(checkpoints.damage(checkpoint), str)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=MANIFESTS)
def test_no_manifest_but_the_checkpoints_own_is_believed(checkpoint, data):
    _is_damage(checkpoint, data)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=MANIFESTS)
def test_no_manifest_but_the_checkpoints_own_is_believed_for_long(checkpoint, data):
    _is_damage(checkpoint, data)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    items = [make_item(f"person{i}", 3, size=32) for i in range(2)]
    records.write(folder, "toy", {"train": items, "test": items[:1]}, 32, "toy")
    return folder


def test_a_trained_run_without_its_hyper_parameters_is_given_none(copied, data_dir):
    (copied / "hparams.json").unlink()
    line = refused(lambda: run.train(copied, data_dir, TINY.replace(batch_size=4, seed=5), ["joint"]))
    assert "has a trained joint stage and no hparams.json" in line and "put the file back" in line
    assert not (copied / "hparams.json").exists()
    assert "put the file back" in refused(lambda: trained.load_generator(copied))


def test_a_longer_stage_that_cooled_down_is_refused_by_its_cause(copied):
    TINY.replace(cooldown=0.5, joint_steps=7).save(copied / "hparams.json")
    line = refused(lambda: run.refuse_another(copied, TINY.replace(cooldown=0.5, joint_steps=70)))
    assert "joint_steps is 7 there and 70 here (cooldown=0.5 lets the learning rate fall" in line
    assert "--init=RUN --workdir=ANOTHER" in line
    other = refused(lambda: run.refuse_another(copied, TINY.replace(cooldown=0.5, joint_steps=7, seed=9)))
    assert "cooldown=" not in other


def test_the_note_of_a_run_is_checked_before_it_is_compared(copied, data_dir):
    for noted in ({"init": "people"}, {"data": []}, {"dataset": 1}):
        (copied / "joint" / "provenance.json").write_text(json.dumps(noted))
        assert "is damaged" in refused(lambda: run.train(copied, data_dir, TINY, ["joint"]))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("variables/variables.data-00000-of-00001", 1000, "cannot be loaded"),
        ("variables/variables.index", 10, "cannot be loaded"),
        ("variables/variables.index", 0, "cannot be loaded"),
        ("saved_model.pb", 1000, "cannot be loaded"),
        ("saved_model.pb", 0, "cannot be loaded"),
        ("fingerprint.pb", b"junk", "cannot be loaded"),
        ("assets.extra/provenance.json", b"{", "provenance.json is damaged"),
        ("assets.extra/provenance.json", b"[]", "provenance.json is damaged"),
        ("assets.extra/provenance.json", b'{"init": 3}', "provenance.json is damaged"),
        ("assets.extra/provenance.json", b"[" * 100_000, "provenance.json is damaged"),
    ],
)
def test_a_damaged_export_is_one_line(toy_export, tmp_path, name, data, said):
    version = shutil.copytree(toy_export / "dpt" / "1", tmp_path / "1")
    path = version / name
    path.write_bytes(path.read_bytes()[:data] if isinstance(data, int) else data)
    assert said in refused(lambda: dpt_tf.load(version))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")
@pytest.mark.parametrize("name", ["variables/variables.index", "assets.extra/hparams.json"])
def test_a_pipe_in_an_export_is_not_waited_for(toy_export, tmp_path, name):
    version = shutil.copytree(toy_export / "dpt" / "1", tmp_path / "1")
    (version / name).unlink()
    os.mkfifo(version / name)
    assert f"{name}: a pipe or a device" in refused(lambda: dpt_tf.load(version))


def test_few_pairs_are_told_to_be_few(copied, data_dir, tmp_path, capsys):
    flags = [f"--workdir={copied}", f"--data_dir={data_dir}", f"--output={tmp_path / 'out'}", "--limit=1"]
    assert guarded(lambda: dispatch(["evaluate", *flags])) == 0
    told = capsys.readouterr()
    assert "1 pair: scores of fewer than 10 mean little; hold out more" in told.err
    assert "1 pair: scores of fewer than 10 mean little" in (tmp_path / "out" / "report.md").read_text()


def test_what_was_saved_is_what_is_read_however_it_is_written(copied):
    values = dataclasses.asdict(TINY) | {"gan_weight": 1}  # a whole number is a number, too
    (copied / "hparams.json").write_text(json.dumps(values))
    assert config.load(copied / "hparams.json") == TINY.replace(gan_weight=1.0)
