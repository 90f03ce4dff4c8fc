"""What the tests of versions and labels share: models without a model, and the states that a server tells."""

import time

import server_toy as toy
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_pb2

STATES = get_model_status_pb2.ModelVersionStatus.State


def states(server) -> dict[int, str]:
    """Version -> its state."""
    query = get_model_status_pb2.GetModelStatusRequest()
    query.model_spec.name = "dpt"
    answer = server.models.GetModelStatus(query, timeout=30)
    return {one.version: STATES.Name(one.state) for one in answer.model_version_status}


def until(server, wanted: dict[int, str]) -> None:
    """Waits until the states are as wanted."""
    end = time.monotonic() + 120
    while states(server) != wanted:
        assert time.monotonic() < end, states(server)
        time.sleep(0.05)


def model(base, text: str = ""):
    """A ModelConfig."""
    return text_format.Parse(text, toy.configs.ModelConfig(name="dpt", base_path=str(base)))


class Loaded:
    """A version without a model, in a cycle as loaded functions are."""

    def __init__(self, version):
        """Nothing to warm."""
        self.version, self.warmed, self.cycle = version, 0, self


def ending(models) -> dict[int, str]:
    """Version -> its state, asked without a server."""
    answer = models.status(model_pb2.ModelSpec(name="dpt"))
    return {one.version: STATES.Name(one.state) for one in answer.model_version_status}


def folders(tmp_path, *versions: int):
    for version in versions:
        (tmp_path / str(version)).mkdir()
    return tmp_path


def load(folder, name, version):
    return Loaded(version)
