"""Which versions of which models are served, and what becomes of each.

A version is a folder `<base_path>/<integer>`. The policy of a model says which of those it wants: the latest n, all, or
some by number. A wanted version is loaded and warmed first; only then are unwanted ones let go, each after its last
request. While no wanted version could be loaded, or none lies in the folder, what is served goes on being served. A
version that cannot be loaded is reported, and tried again when its files change.
"""

import dataclasses
import gc
import logging
import pathlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.local_server import memory
from serving.local_server.failures import BadStart, Refusal, invalid, refusal_of
from serving.local_server.servable import Servable

log = logging.getLogger(__name__)
Config: TypeAlias = model_server_config_pb2.ModelConfig
Status = get_model_status_pb2.ModelVersionStatus
Load = Callable[[pathlib.Path, str, int], Servable]


@dataclasses.dataclass
class Version:
    """What is known of one version; `servable` only while it can be asked."""

    state: int = Status.START
    failure: Refusal | None = None
    servable: Servable | None = None
    requests: int = 0
    files: tuple = ()


class Models:
    """The configured models and their versions. Any thread may ask; one at a time loads."""

    def __init__(self, load: Load, allow_new_labels: bool = False):
        """`load(folder, name, version)` loads and warms, or raises; `allow_new_labels` for versions not loaded yet."""
        self._load, self._allow_new_labels = load, allow_new_labels
        self._configs: dict[str, Config] = {}
        self._versions: dict[str, dict[int, Version]] = {}
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._litter = False

    @property
    def names(self) -> list[str]:
        """The configured models."""
        return list(self._configs)

    def configure(self, configs: Iterable[Config]) -> None:
        """Serves these models and no others. Raises Refusal, and changes nothing, if a label may not be what it is.

        A label may name a version that can be asked now; with `allow_new_labels` also one that cannot yet, where the
        label is new or has named it before. Labels hold before anything is loaded or let go.
        """
        wanted = {config.name: config for config in configs}
        with self._working:
            with self._lock:
                for config in wanted.values():
                    for label, version in config.version_labels.items():
                        self._check_label(config.name, label, version)
                gone = [name for name in self._configs if name not in wanted]
                self._configs = wanted
            for config in wanted.values():
                self._refresh(config)
            for name in gone:
                self._let_go(name, list(self._versions[name]))
            self._sweep()

    def poll(self) -> None:
        """Looks at the folders again."""
        with self._working:
            for config in list(self._configs.values()):
                self._refresh(config)
            self._sweep()

    def lease(self, spec: model_pb2.ModelSpec) -> tuple[Servable, Callable[[], None]]:
        """The version that `spec` names, and what to call once when it is no longer needed."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        with self._lock:
            number = self._number(spec)
            available = self._available(spec.name)
            if number is None and available:
                number = max(available)
            if number is None or number not in available:
                request = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
                raise Refusal(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request}")
            version = available[number]
            version.requests += 1
            assert version.servable is not None
            return version.servable, lambda: self._release(spec.name, number, version)

    def status(self, spec: model_pb2.ModelSpec) -> get_model_status_pb2.GetModelStatusResponse:
        """The state of the version that `spec` names, or of all versions, the newest first."""
        with self._lock:
            number = self._number(spec)
            versions = self._versions.get(spec.name, {})
            if number is not None and number not in versions:
                raise Refusal(grpc.StatusCode.NOT_FOUND, f"Could not find version {number} of model {spec.name}")
            if not versions:
                raise Refusal(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {spec.name}")
            response = get_model_status_pb2.GetModelStatusResponse()
            for key in sorted(versions, reverse=True) if number is None else [number]:
                one = response.model_version_status.add(version=key, state=versions[key].state)
                one.status.SetInParent()
                if failure := versions[key].failure:
                    one.status.error_code, one.status.error_message = failure.code.value[0], str(failure)
            return response

    def _number(self, spec: model_pb2.ModelSpec) -> int | None:
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return spec.version.value
        if choice == "version_label":
            config = self._configs.get(spec.name)
            if config is None or spec.version_label not in config.version_labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            return config.version_labels[spec.version_label]
        return None

    def _available(self, name: str) -> Mapping[int, Version]:
        return {n: v for n, v in self._versions.get(name, {}).items() if v.state == Status.AVAILABLE}

    def _check_label(self, name: str, label: str, version: int) -> None:
        known = self._configs[name].version_labels if name in self._configs else {}
        is_new = self._allow_new_labels and (label not in known or known[label] == version)
        if not is_new and version not in self._available(name):
            words = (
                f'label "{label}" to version {version} of model {name}, which is not currently available for inference'
            )
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f"Request to assign {words}")

    def _release(self, name: str, number: int, version: Version) -> None:
        with self._lock:
            version.requests -= 1
            self._end_if_idle(name, number, version)

    def _end_if_idle(self, name: str, number: int, version: Version) -> None:
        if version.state == Status.UNLOADING and not version.requests:
            version.state, version.servable = Status.END, None
            self._litter = True
            log.info("model %s: version %d unloaded", name, number)

    def _refresh(self, config: Config) -> None:
        wanted = wanted_versions(config)
        with self._lock:
            versions = self._versions.setdefault(config.name, {})
            for number in wanted:
                versions.setdefault(number, Version())
        for number in wanted:
            self._bring(config, number, versions[number])
        if any(number in self._available(config.name) for number in wanted):
            self._let_go(config.name, [number for number in versions if number not in wanted])

    def _bring(self, config: Config, number: int, version: Version) -> None:
        """Loads a wanted version unless that is done, or failed with the same files."""
        folder = pathlib.Path(config.base_path) / str(number)
        if version.state in (Status.AVAILABLE, Status.UNLOADING):
            return
        files = fingerprint(folder)
        if version.failure and version.files == files:
            return
        version.state, version.failure, version.files = Status.LOADING, None, files
        log.info("model %s: loading version %d from %s", config.name, number, folder)
        try:
            servable = self._load(folder, config.name, number)
        except Exception as error:
            version.failure, version.state = refusal_of(error), Status.END
            self._litter = True
            log.error("model %s: version %d cannot be loaded: %s", config.name, number, error)
            return
        with self._lock:
            version.servable, version.state = servable, Status.AVAILABLE
        log.info("model %s: version %d is available (%d warm-up requests)", config.name, number, servable.warmed)

    def _let_go(self, name: str, numbers: Iterable[int]) -> None:
        with self._lock:
            for number in numbers:
                version = self._versions[name][number]
                if version.state == Status.AVAILABLE:
                    version.state = Status.UNLOADING
                self._end_if_idle(name, number, version)

    def _sweep(self) -> None:
        """Loaded functions are cycles: without this, unloaded weights stay until the collector happens to come by.

        And what it frees would stay with this process.
        """
        if self._litter:
            self._litter = False
            gc.collect()
            memory.trim()


def wanted_versions(config: Config) -> list[int]:
    """The versions in the folder that the policy asks for, newest first."""
    base = pathlib.Path(config.base_path)
    try:
        numbers = (int(folder.name) for folder in base.iterdir() if folder.name.isdecimal() and folder.is_dir())
        found = sorted((number for number in numbers if number < 2**63), reverse=True)
    except OSError:
        found = []
    policy = config.model_version_policy
    if policy.HasField("all"):
        return found
    if policy.HasField("specific"):
        return [number for number in found if number in policy.specific.versions]
    return found[: policy.latest.num_versions or 1]


def fingerprint(folder: pathlib.Path) -> tuple:
    """Changes when a file of the version does; empty where the folder is being removed."""
    try:
        files = [(str(file), file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    except FileNotFoundError:
        return ()
    return tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in files)


def must_serve(models: Models, configs: Iterable[Config]) -> None:
    """The first look at the folders. Raises BadStart with the reason where a model cannot be served."""
    for config in configs:
        base = pathlib.Path(config.base_path)
        if not base.is_dir():
            raise BadStart(f"model {config.name}: no such folder: {base}; `dpt export --export_dir={base}` makes one")
        if not wanted_versions(config):
            raise BadStart(
                f"model {config.name}: no version to serve in {base}; versions are folders named by a number"
            )
    try:
        models.configure(configs)
    except Refusal as refusal:
        remedy = "--allow_version_labels_for_unavailable_models lets labels name versions that are still to be loaded"
        raise BadStart(f"{refusal}; {remedy}") from None
    for name in models.names:
        states = models.status(model_pb2.ModelSpec(name=name)).model_version_status
        if not any(state.state == Status.AVAILABLE for state in states):
            raise BadStart(
                f"model {name}: version {states[0].version} cannot be loaded: {states[0].status.error_message}"
            )
