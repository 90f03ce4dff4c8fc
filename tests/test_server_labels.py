"""Labels: names for versions that move from one to another by a new configuration, and never point at nothing."""

import itertools

import grpc
import pytest
import server_toy as toy
from server_versions import ending, folders, load, model, states
from tensorflow_serving.apis import model_management_pb2, model_pb2

from serving.local_server.failures import Refusal
from serving.local_server.versions import Models


def labelled(base, versions: str, **labels: int):
    """A ModelConfig that serves these versions."""
    policy = " ".join(f"versions: {version}" for version in versions.split())
    config = model(base, f"model_version_policy {{ specific {{ {policy} }} }}")
    config.version_labels.update(labels)
    return config


def labelled_version(models, label: str) -> int:
    servable, release = models.lease(model_pb2.ModelSpec(name="dpt", version_label=label))
    release()
    return servable.version


def test_all_versions_are_served_and_labels_move_by_a_new_configuration(tmp_path):
    base = toy.put(tmp_path / "dpt", 1, 2)
    both = "model_version_policy { all {} } version_labels { key: 'stable' value: %d }"
    with toy.running(base, models=[model(base, both % 1)]) as server:
        assert states(server) == {1: "AVAILABLE", 2: "AVAILABLE"}
        for number, spec in itertools.product((1, 2), ("version", "version_label")):
            reload = model_management_pb2.ReloadConfigRequest()
            reload.config.model_config_list.config.append(model(base, both % number))
            assert not server.models.HandleReloadConfigRequest(reload, timeout=30).status.error_code
            value = number if spec == "version" else "stable"
            answer = server.predict.Predict(toy.files_request(toy.pictures(1), **{spec: value}), timeout=30)
            assert answer.model_spec.version.value == number
        reload.config.model_config_list.config[0].CopyFrom(model(base, both % 3))
        status = server.models.HandleReloadConfigRequest(reload, timeout=30).status
        assert status.error_code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
        assert 'label "stable" to version 3 of model dpt' in status.error_message
        for listed, words in (([model(base)] * 2, "Illegal to list model dpt"), ([model("")], "a base_path")):
            bad = model_management_pb2.ReloadConfigRequest()
            bad.config.model_config_list.config.extend(listed)
            status = server.models.HandleReloadConfigRequest(bad, timeout=30).status
            assert status.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0] and words in status.error_message
        answer = server.predict.Predict(toy.files_request(toy.pictures(1), version_label="stable"), timeout=30)
        assert answer.model_spec.version.value == 2, "a refused configuration changed something"


def test_a_label_needs_a_version_that_is_served_already_unless_new_labels_are_allowed(tmp_path):
    base = folders(tmp_path, 1, 2)
    strict, lenient = Models(load), Models(load, allow_new_labels=True)
    with pytest.raises(Refusal, match=r'label "stable" to version 1 of model dpt, which is not currently available'):
        strict.configure([labelled(base, "1", stable=1)])
    assert strict.names == []
    lenient.configure([labelled(base, "1", stable=1)])
    assert labelled_version(lenient, "stable") == 1
    for models in (strict, lenient):
        models.configure([labelled(base, "1")])
        models.configure([labelled(base, "1", stable=1)])
        assert labelled_version(models, "stable") == 1
    with pytest.raises(Refusal, match="not currently available"):
        strict.configure([labelled(base, "1 2", stable=1, canary=2)])
    lenient.configure([labelled(base, "1 2", stable=1, canary=2)])
    assert labelled_version(lenient, "canary") == 2


def test_a_label_moves_to_no_version_that_is_not_served_and_the_attempt_changes_nothing(tmp_path):
    models = Models(load, allow_new_labels=True)
    models.configure([labelled(folders(tmp_path, 1, 2, 3), "1 2", stable=1)])
    with pytest.raises(Refusal, match="not currently available") as refused:
        models.configure([labelled(tmp_path, "2 3", stable=3)])
    assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert ending(models) == {1: "AVAILABLE", 2: "AVAILABLE"} and labelled_version(models, "stable") == 1
    models.configure([labelled(tmp_path, "1 2 3", stable=1)])
    models.configure([labelled(tmp_path, "2 3", stable=3)])
    assert ending(models) == {1: "END", 2: "AVAILABLE", 3: "AVAILABLE"} and labelled_version(models, "stable") == 3


def test_a_new_label_may_wait_for_its_version_and_be_said_again_meanwhile(tmp_path):
    models = Models(load, allow_new_labels=True)
    config = labelled(folders(tmp_path, 1), "1 2", stable=1, canary=2)
    for _ in range(2):
        models.configure([config])
        with pytest.raises(Refusal, match=r"Specific\(dpt, 2\)"):
            labelled_version(models, "canary")
    folders(tmp_path, 2)
    models.poll()
    assert labelled_version(models, "canary") == 2


def test_a_label_is_never_without_a_version_while_it_moves(tmp_path):
    models = Models(load)
    models.configure([labelled(folders(tmp_path, 1, 2), "1 2")])
    models.configure([labelled(tmp_path, "1 2", stable=1)])
    seen = []
    let_go = models._let_go

    def watched(*args):
        seen.append(labelled_version(models, "stable"))
        let_go(*args)
        seen.append(labelled_version(models, "stable"))

    models._let_go = watched
    models.configure([labelled(tmp_path, "2", stable=2)])
    assert seen == [2, 2]
