"""Hyper-parameters that no run could use, and files of ours that somebody changed, end in one line that says so."""

import contextlib
import dataclasses
import json
import math
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from toy import TINY

from dpt_tf import bounds, config
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.export import versions
from dpt_tf.shipped import weights
from dpt_tf.system import files, memory
from dpt_tf.system.errors import UserError
from dpt_tf.training import memory as needs
from dpt_tf.training import trained

FIELDS = {field.name: field.type for field in dataclasses.fields(config.HParams)}
NUMBERS = [name for name, kind in FIELDS.items() if kind is not str]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("batch_size=1000000000000", "batch_size is 1000000000000; it must be a whole number from 1 to 1048576"),
        ("width=100000000", "width is 100000000; it must be a whole number from 1 to 4096"),
        (
            f"predictive_steps={'9' * 30}",
            f"predictive_steps is {'9' * 30}; it must be a whole number from 0 to 99999999",
        ),
        (f"width={'9' * 5000}", "width wants int, got '999"),
        ("learning_rate=inf", "learning_rate is inf; it must be a number from"),
        ("learning_rate=1e309", "learning_rate is inf; it must be a number from"),
        ("beta_2=inf", "beta_2 is inf; it must be a number from 0 to below 1"),
        ("beta_1=1", "beta_1 is 1.0; it must be a number from 0 to below 1"),
        ("beta_2=0.99999999999", "beta_2 is 0.99999999999; it must be a number from 0 to below 1"),
        ("beta_1=2", "beta_1 is 2.0; it must be a number from 0 to below 1"),
        ("l1_weight=1e309", "l1_weight is inf; it must be a number from 0"),
        ("style_weight=-1", "style_weight is -1.0; it must be a number from 0"),
        ("atlas_size=1000000", "atlas_size is 1000000; it must be a whole number from 32 to 4096, a multiple of 16"),
        ("epochs=0", "epochs is 0; it must be a whole number from 1"),
        ("fcn_width=3", "fcn_width is 3; it must be a whole number from 4"),
    ],
)
def test_a_number_that_no_run_could_use_is_refused_by_name(text, said):
    with pytest.raises(ValueError) as caught:
        config.override(config.preset("small"), text)
    assert said in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, 10**400, True, "1", None, [1], {}])
def test_no_number_is_beyond_its_bounds_or_of_another_type(name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        TINY.replace(**{name: value})


def test_the_paper_and_the_presets_are_within_their_bounds():
    for name in ("paper", "layers", "small", "pose"):
        for field, value in dataclasses.asdict(config.preset(name)).items():
            assert bounds.fault(field, FIELDS[field], value) is None


def test_epochs_do_not_add_up_to_more_steps_than_a_checkpoint_can_be_named_after():
    with pytest.raises(ValueError, match="epochs is 99999999, of 2 steps each; a stage lasts 99999999 at most"):
        TINY.replace(epochs=99_999_999).stage_steps("joint", 2)


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        ("joint", {"batch_size": 1 << 20}),
        ("predictive", {"image_size": 4096, "batch_size": 4096}),
        ("inpainting", {"atlas_size": 4096, "context_size": 1 << 20}),
        ("predictive", {"width": 4096}),
        ("pose", {"fcn_width": 4096, "image_size": 4096, "batch_size": 4096}),
    ],
)
def test_what_this_machine_cannot_hold_is_refused_before_anything_is_built(monkeypatch, stage, changes):
    monkeypatch.setattr(memory, "installed", lambda: 16 << 30)
    monkeypatch.setattr(memory, "has_gpu", lambda: False)
    needs.refuse(config.preset("paper"), config.EVERY_STAGE)
    needs.refuse(config.preset("pose"), ["pose"])
    with pytest.raises(UserError) as caught:
        needs.refuse(config.preset("paper").replace(**changes), [stage])
    line = str(caught.value)
    assert line.startswith(f"the {stage} stage takes") and "this machine has 16" in line
    assert any(f"{name}={value}" in line for name, value in changes.items())


def test_two_workers_hold_half_of_a_batch_each(monkeypatch):
    monkeypatch.setattr(memory, "installed", lambda: 8 << 30)
    monkeypatch.setattr(memory, "has_gpu", lambda: False)
    hparams = config.preset("layers").replace(batch_size=48)
    needs.refuse(hparams, ["joint"], workers=6)
    with pytest.raises(UserError, match="batch_size=48"):
        needs.refuse(hparams, ["joint"])


def test_train_refuses_them_in_one_line_before_people_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for text in ("batch_size=1048576", "width=4096", "beta_1=1", "learning_rate=inf", "epochs=100000000"):
        assert guarded(lambda text=text: dispatch(["train", f"--hparams={text}"])) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and text.partition("=")[0] in error
    assert not list(tmp_path.iterdir())


NASTY = {
    "a float for a whole number": '{"width": 32.0}',
    "half a block": '{"residuals": 3.5}',
    "a huge float": '{"width": 1e9}',
    "a word for a number": '{"width": "32"}',
    "a list": '{"width": [32]}',
    "nothing": '{"width": null}',
    "true": '{"width": true}',
    "a number for a word": '{"blocks": 1}',
    "a list for a word": '{"blending": ["layers"]}',
    "an unknown name": '{"colour": 3}',
    "deep": "[" * 100_000,
    "deep and closed": "[" * 900 + "]" * 900,
    "deep within": '{"width": ' + "[" * 900 + "]" * 900 + "}",
    "cut": '{"width": 3',
    "a brace": "{",
    "a list alone": "[]",
    "a number alone": "7",
    "empty": "",
    "not a number": '{"learning_rate": NaN}',
    "five thousand digits": '{"seed": ' + "9" * 5000 + "}",
    "half a letter": '{"preset": "\\ud800"}',
    "a null letter": '{"preset": "a\\u0000b"}',
    "a word of a megabyte": '{"preset": "' + "a" * (1 << 20) + '"}',
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_a_changed_file_of_hyper_parameters_is_named_in_one_line(tmp_path, text):
    (tmp_path / "hparams.json").write_text(text)
    with pytest.raises(UserError) as caught:
        trained.hparams_of(tmp_path)
    line = str(caught.value)
    assert str(tmp_path / "hparams.json") in line and "train the run anew" in line
    assert "\n" not in line and len(line) < 600


def test_a_file_in_a_runs_place_is_named_in_one_line(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    with pytest.raises(UserError, match=re.escape(f"{path} is a file; give the folder of a run")):
        trained.hparams_of(path)


@pytest.mark.parametrize(
    "noted",
    [
        {"dataset": 3},
        {"data": "x"},
        {"data": {"digest": 3}},
        {"init": "people"},
        {"init": {"name": "a"}},
        {"init": {"name": "a", "step": True, "digest": "b"}},
        {"vgg": []},
        {"data_dir": None},
    ],
)
def test_a_note_of_where_weights_come_from_has_its_types(tmp_path, noted):
    (tmp_path / "joint").mkdir()
    (tmp_path / "joint" / "provenance.json").write_text(json.dumps(noted))
    with pytest.raises(UserError, match=r"provenance\.json is damaged .*remove it"):
        trained.provenance(tmp_path, "joint")


@pytest.mark.parametrize(
    "card", ['{"format": 1}', '{"format": 1, "steps": {"joint": "9"}}', '{"format": 1, "steps": {}}', "[]", "{"]
)
def test_a_changed_card_is_named_in_one_line(tmp_path, card):
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(UserError, match=r"card\.json cannot be read"):
        weights.read_card(tmp_path)


def test_versions_count_as_far_as_a_server_does(tmp_path):
    for version in (2**63, 2**64, 10**30, 0, -1):
        with pytest.raises(UserError, match=f"--version={version}: versions count from 1 to {2**63 - 1}"):
            versions.refuse(tmp_path, version)
    versions.refuse(tmp_path, 2**63 - 1)
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(UserError, match="after which there is none"):
        versions.refuse(tmp_path, None)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=9,
)
NAMED = st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=3), ANYTHING, max_size=5)
TEXTS = NAMED.map(json.dumps) | ANYTHING.map(json.dumps) | st.text(max_size=40)
CUT = st.tuples(TEXTS, st.integers(0, 60)).map(lambda made: made[0][: -made[1] or None])
FILES = (TEXTS | CUT).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)


def read_hparams(folder, data):
    """Either hyper-parameters within their bounds, or a line."""
    (folder / "hparams.json").write_bytes(data)
    try:
        found = trained.hparams_of(folder)
    except UserError as error:
        assert "hparams.json" in str(error)
        return
    for name, value in dataclasses.asdict(found).items():
        assert bounds.fault(name, FIELDS[name], value) is None


def read_facts(folder, data):
    """Either what can be written down again, or a ValueError, which readers turn into a line."""
    (folder / "facts.json").write_bytes(data)
    with contextlib.suppress(ValueError):
        json.dumps(files.read_facts(folder / "facts.json"), ensure_ascii=False).encode()


@pytest.mark.parametrize("read", [read_hparams, read_facts])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data=b"[" * 100_000)
@example(data=b'{"\\ud800": 0}')
@given(data=FILES)
def test_whatever_stands_in_a_file_of_ours_it_is_read_or_refused(tmp_path, read, data):
    read(tmp_path, data)


@pytest.mark.slow
@pytest.mark.parametrize("read", [read_hparams, read_facts])
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=FILES)
def test_whatever_stands_in_a_file_of_ours_for_long(tmp_path, read, data):
    read(tmp_path, data)


@pytest.mark.parametrize(
    "flags", [["demo", "--workdir=file"], ["demo", "--data_dir=file/x"], ["train", "--workdir=file"]]
)
def test_a_file_in_a_folders_place_is_told_before_people_are_made(tmp_path, monkeypatch, capsys, flags):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert guarded(lambda: dispatch(flags)) == 2
    assert capsys.readouterr().err == "file: a file stands in its place; name a folder to write to\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
