"""The files of operation: each by its own schema, and all by what they say of each other."""

import json
import pathlib
import shutil
import time
from importlib import resources

import jsonschema
import kubernetes_validate
import numpy as np
import pytest
import server_toy as toy
import yaml

from serving.client import Client, ServerError

SERVING = toy.SERVING
CONFIGS, KUBERNETES = SERVING / "configs", SERVING / "kubernetes"
MANIFESTS = {path.name: list(yaml.safe_load_all(path.read_text())) for path in sorted(KUBERNETES.glob("*.yaml"))}
COMPOSE = yaml.safe_load((SERVING / "compose.yaml").read_text())
# Of those that the package ships one some years old, one in between and the newest.
KUBERNETES_VERSIONS = ("1.30", "1.34", "1.37")


def the(file: str, kind: str) -> dict:
    """The one manifest of a kind in a file."""
    (found,) = [manifest for manifest in MANIFESTS[file] if manifest["kind"] == kind]
    return found


def compose_schema() -> dict:
    """The Compose specification's."""
    files = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(files.read_text())


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("file", MANIFESTS)
def test_manifests_keep_the_schemas_of_kubernetes(file, version):
    for manifest in MANIFESTS[file]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_of_kubernetes_refuse_what_is_misspelt():
    wrong = json.loads(json.dumps(the("deployment.yaml", "Deployment")))
    container = wrong["spec"]["template"]["spec"]["containers"][0]
    container["readynessProbe"] = container.pop("readinessProbe")
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(wrong, KUBERNETES_VERSIONS[-1], strict=True)


def test_the_compose_file_keeps_the_schema_of_the_specification():
    jsonschema.validate(COMPOSE, compose_schema())
    wrong = COMPOSE | {"services": {"serving": {"imagge": "x"}}}
    with pytest.raises(jsonschema.ValidationError, match="imagge"):
        jsonschema.validate(wrong, compose_schema())


@pytest.mark.parametrize("file", [path.relative_to(CONFIGS) for path in sorted(CONFIGS.rglob("*.config"))], ids=str)
def test_configurations_are_messages_that_the_server_takes(file):
    path = str(CONFIGS / file)
    if file.name == "batching.config":
        bounds = toy.configs.batching(path)
        assert (bounds.max_batch_size, bounds.timeout) == (8, 0.005)
        assert bounds.allowed_batch_sizes == (1, 2, 4, 8)
    elif file.name == "monitoring.config":
        annotations = the("deployment.yaml", "Deployment")["spec"]["template"]["metadata"]["annotations"]
        assert toy.configs.metrics_path(path) == annotations["prometheus.io/path"]
    else:
        (model,) = toy.configs.models(path)
        assert (model.name, model.base_path) == ("dpt", "/models/dpt")
        specific = set(model.model_version_policy.specific.versions)
        assert set(model.version_labels.values()) <= specific


def argument_lists() -> dict[str, list[str]]:
    """The command lines of all servers."""
    lists = {f"compose {name}": service["command"] for name, service in COMPOSE["services"].items()}
    for file in ("deployment.yaml", "deployment-gpu.yaml"):
        lists[file] = the(file, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    return lists


@pytest.mark.parametrize("name", argument_lists())
def test_every_file_that_a_command_line_names_is_there_and_mounted(name):
    files = [value for _, _, value in (one.partition("=") for one in argument_lists()[name]) if value.startswith("/")]
    assert len(files) == (3 if "gpu" in name else 2)
    for file in map(pathlib.PurePosixPath, files):
        assert file.parent == pathlib.PurePosixPath("/etc/dpt") and (CONFIGS / file.name).is_file()
    if name.startswith("compose"):
        assert "./configs:/etc/dpt:ro" in COMPOSE["services"][name.split()[1]]["volumes"]


@pytest.mark.parametrize("file", ["deployment.yaml", "deployment-gpu.yaml"])
def test_manifests_find_each_other(file):
    deployment = the(file, "Deployment")
    template, (container,) = deployment["spec"]["template"], deployment["spec"]["template"]["spec"]["containers"]
    labels, ports = template["metadata"]["labels"], {port["name"]: port["containerPort"] for port in container["ports"]}
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert ports == {"grpc": 8500, "rest": 8501}
    for service in MANIFESTS["service.yaml"]:
        assert service["spec"]["selector"].items() <= labels.items()
        assert all(ports[port["targetPort"]] == port["port"] for port in service["spec"]["ports"])
    assert the("autoscaler.yaml", "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"models": "/models", "configs": "/etc/dpt"}
    assert {volume["name"] for volume in template["spec"]["volumes"]} == set(mounts)
    (claim,) = [v["persistentVolumeClaim"] for v in template["spec"]["volumes"] if "persistentVolumeClaim" in v]
    assert claim["claimName"] == the("storage.yaml", "PersistentVolumeClaim")["metadata"]["name"]
    slow_start = container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"]
    assert slow_start >= 300
    ending = template["spec"]["terminationGracePeriodSeconds"]
    assert ending > int(container["lifecycle"]["preStop"]["exec"]["command"][1])


def test_one_release_of_the_image_is_named_everywhere_and_the_gpu_is_asked_for_where_it_is_used():
    plain, gpu = (
        the(file, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        for file in ("deployment.yaml", "deployment-gpu.yaml")
    )
    release = plain["image"].rpartition(":")[2]
    assert gpu["image"] == f"tensorflow/serving:{release}-gpu"
    assert COMPOSE["services"]["serving"]["image"] == f"tensorflow/serving:${{TF_SERVING_TAG:-{release}}}"
    assert COMPOSE["services"]["serving-gpu"]["image"].endswith(f"{release}}}-gpu")
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == 1 and "nvidia.com/gpu" not in plain["resources"]["limits"]
    assert "gpu" in COMPOSE["services"]["serving-gpu"]["profiles"]


def test_probes_ask_what_fails_until_a_version_answers(tmp_path):
    path = the("deployment.yaml", "Deployment")["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    base = toy.put(tmp_path / "dpt", 1)
    with toy.running(base) as server:
        assert "signature_def" in toy.get(server.rest + path["httpGet"]["path"])
        assert path["httpGet"]["path"] in COMPOSE["services"]["serving"]["healthcheck"]["test"][-1]
        with pytest.raises(toy.urllib.request.HTTPError):
            toy.get(server.rest + "/v1/models/other/metadata")


def test_the_canary_goes_as_the_walk_through_says(tmp_path):
    base, file = toy.put(tmp_path / "dpt", 1, 2), tmp_path / "models.config"
    planes = {name: plane[0] for name, plane in toy.pictures(4).items()}
    for name in ("source_iuv", "target_iuv"):
        planes[name][..., 0] = 1

    def step(name: str) -> None:
        aside = tmp_path / "aside"
        aside.write_text((CONFIGS / "canary" / name).read_text().replace("/models/dpt", str(base)))
        shutil.move(aside, file)

    def version(server, **which) -> int | None:
        """Which version answers; None where nobody does."""
        address = f"127.0.0.1:{server.options.port}"
        with Client(address, retries=0, **which) as client:
            try:
                (got,) = client.transfer(planes["source"], planes["source_iuv"], [planes["target_iuv"]])
            except ServerError as error:
                assert error.code in ("NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"), error
                return None
        batch = {name: plane[None] for name, plane in planes.items()}
        return next(n for n in (1, 2) if np.array_equal(toy.expected(batch, n)[0], got))

    def settles(server, expected: dict) -> None:
        until = time.monotonic() + 60
        while (seen := {label: version(server, label=label) for label in expected}) != expected:
            assert time.monotonic() < until, (seen, expected)
            time.sleep(0.2)

    step("1_stable.config")
    options = {"models": toy.configs.models(str(file)), "config_file": str(file), "config_poll_seconds": 0.2}
    with toy.running(base, **options) as server:
        settles(server, {"stable": 1, "canary": None})
        step("2_canary.config")
        settles(server, {"stable": 1, "canary": 2})
        step("3_promoted.config")
        settles(server, {"stable": 2, "canary": 2})
        step("2_canary.config")
        settles(server, {"stable": 1, "canary": 2})
        step("1_stable.config")
        settles(server, {"stable": 1, "canary": None})
        assert version(server) == 1
