"""The manifest of a training on several machines: what Kubernetes takes, and what the program makes of it."""

import copy
import json
import pathlib

import jsonschema
import kubernetes_validate
import pytest
import yaml

from dpt_tf.commands import main, train
from dpt_tf.training import workers

ROOT = pathlib.Path(__file__).resolve().parents[1]
SET = yaml.safe_load((ROOT / "training" / "kubernetes" / "jobset.yaml").read_text())
SCHEMA = json.loads((ROOT / "tests" / "data" / "jobset.schema.json").read_text())
JOB = SET["spec"]["replicatedJobs"][0]
POD = JOB["template"]["spec"]["template"]["spec"]
(TRAIN,) = POD["containers"]


def job(of=JOB):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": of["name"]}, **of["template"]}


@pytest.mark.parametrize("version", ["1.31", "1.34", "1.37"])
def test_its_job_keeps_the_schemas_of_kubernetes(version):
    kubernetes_validate.validate(job(), version, strict=True)
    wrong = copy.deepcopy(job())
    wrong["spec"]["podFailurePolicy"]["rules"][0]["onExitCode"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="onExitCode"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_it_keeps_the_fields_of_a_jobset():
    jsonschema.validate(SET, SCHEMA)
    for path, name in ((("failurePolicy",), "maxRestart"), (("network",), "enableDnsHostnames"), ((), "jobs")):
        wrong = copy.deepcopy(SET)
        place = wrong["spec"]
        for step in path:
            place = place[step]
        place[name] = 1
        with pytest.raises(jsonschema.ValidationError, match=name):
            jsonschema.validate(wrong, SCHEMA)


def test_every_pod_finds_the_others_and_itself(monkeypatch):
    name, count = SET["metadata"]["name"], JOB["template"]["spec"]["completions"]
    assert JOB["template"]["spec"]["parallelism"] == count and JOB["replicas"] == 1
    index, of_all = TRAIN["env"]
    assert index["name"] == "INDEX" and "job-completion-index" in index["valueFrom"]["fieldRef"]["fieldPath"]
    (port,) = TRAIN["ports"]
    hosts = tuple(f"{name}-{JOB['name']}-0-{k}.{name}:{port['containerPort']}" for k in range(count))
    for k in range(count):
        monkeypatch.setenv("TF_CONFIG", of_all["value"].replace("$(INDEX)", str(k)))
        assert workers.cluster() == workers.Cluster(hosts, k)


def test_what_another_start_cannot_mend_ends_it_and_all_else_starts_again():
    (rule,) = JOB["template"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob" and rule["onExitCodes"]["containerName"] == TRAIN["name"]
    assert rule["onExitCodes"]["values"] == [1, 2] and main.TRY_AGAIN not in rule["onExitCodes"]["values"]
    assert JOB["template"]["spec"]["backoffLimit"] == 0 and POD["restartPolicy"] == "Never"
    (fatal,) = SET["spec"]["failurePolicy"]["rules"]
    assert (fatal["action"], fatal["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])
    assert SET["spec"]["failurePolicy"]["maxRestarts"] > 0


def test_its_command_is_one_that_the_program_knows():
    dpt, verb, *flags = TRAIN["command"]
    assert (dpt, verb) == ("dpt", "train")
    given = train._parse(flags)
    mounts = [mount["mountPath"] for mount in TRAIN["volumeMounts"]]
    assert all(folder.startswith(f"{mounts[0]}/") for folder in (given.data_dir, given.workdir))
    assert [volume["name"] for volume in POD["volumes"]] == [mount["name"] for mount in TRAIN["volumeMounts"]]
