"""Checkpoints: whole or not there; one that was damaged afterwards is known and passed over."""

import json
import os

import keras
import numpy as np
import pytest

from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints


def make_variables(size=3):
    return {"network": [keras.Variable(np.arange(size, dtype=np.float32), name="weight")]}


def saved(folder, steps=(1, 2)):
    variables = make_variables()
    for step in steps:
        checkpoints.save(folder, step, variables)
    return variables, checkpoints.path_of(folder, steps[-1])


def test_what_was_saved_is_restored(tmp_path):
    variables, newest = saved(tmp_path)
    other = make_variables()
    other["network"][0].assign([7.0, 7.0, 7.0])
    checkpoints.restore(newest, other)
    np.testing.assert_array_equal(np.array(other["network"][0]), np.array(variables["network"][0]))


def test_where_there_is_no_checkpoint_there_is_none(tmp_path):
    assert checkpoints.latest(tmp_path / "nowhere") is None


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001", "manifest.json"])
def test_a_checkpoint_cut_short_is_passed_over_and_that_is_said(tmp_path, name):
    _, newest = saved(tmp_path)
    os.truncate(newest / name, (newest / name).stat().st_size // 2)
    said = []
    assert checkpoints.latest(tmp_path, said.append) == checkpoints.path_of(tmp_path, 1)
    assert len(said) == 1 and name in said[0] and "step_00000001" in said[0]


def test_a_checkpoint_with_a_flipped_bit_or_a_missing_file_is_passed_over(tmp_path):
    _, newest = saved(tmp_path, steps=(1, 2, 3))
    data = newest / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[5] ^= 1
    data.write_bytes(content)
    (checkpoints.path_of(tmp_path, 2) / "variables.index").unlink()
    said = []
    assert checkpoints.latest(tmp_path, said.append) == checkpoints.path_of(tmp_path, 1)


def test_where_every_checkpoint_is_damaged_nothing_is_trained_over(tmp_path):
    _, newest = saved(tmp_path, steps=(1,))
    (newest / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="no whole checkpoint is left"):
        checkpoints.latest(tmp_path)


def test_what_a_killed_save_left_behind_is_no_checkpoint(tmp_path):
    variables, newest = saved(tmp_path)
    newest.rename(tmp_path / ".partial_00000002")
    assert checkpoints.latest(tmp_path) == checkpoints.path_of(tmp_path, 1)
    checkpoints.save(tmp_path, 2, variables)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000001", "step_00000002"]


@pytest.mark.parametrize("size", [2, 4])
def test_a_checkpoint_of_other_networks_is_refused(tmp_path, size):
    _, newest = saved(tmp_path)
    with pytest.raises(UserError, match="another network"):
        checkpoints.restore(newest, make_variables(size))


def test_a_manifest_names_every_file(tmp_path):
    _, newest = saved(tmp_path)
    files = json.loads((newest / "manifest.json").read_text())["files"]
    assert {*files, "manifest.json"} == {path.name for path in newest.iterdir()}
