"""Where the real photos live, if this machine has them; what takes seconds to make and is made once for all tests."""

import gc
import os
import pathlib

import filelock
import pytest

# Graphs of tens of thousands of nodes are made all the time, and Python looks through all of them for garbage.
gc.set_threshold(100_000, 50, 50)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def realdata() -> pathlib.Path:
    """The folder of real photos with real DensePose maps, or a skip that says so."""
    beside = pathlib.Path(__file__).resolve().parents[2] / "shared" / "realdata"
    folder = pathlib.Path(os.environ.get("DPT_REALDATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real photos here: {folder} is absent (set DPT_REALDATA)")
    return folder


@pytest.fixture(scope="session")
def kept_answers() -> pathlib.Path:
    """The folder of the original DensePose's answers for weights made by a formula, or a skip that says so."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "shared" / "densepose"
    if not folder.is_dir():
        pytest.skip(f"no answers of the original DensePose here: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def toy_export(tmp_path_factory) -> pathlib.Path:
    """A toy run, `run`, and its export for a CPU, `dpt/1`: for all processes of the tests, so nobody writes there."""
    return _toy_export(tmp_path_factory, "toy_export")


@pytest.fixture(scope="session")
def toy_layers(tmp_path_factory) -> pathlib.Path:
    """The same of a generator with layers, which takes pictures of any size."""
    return _toy_export(tmp_path_factory, "toy_layers", blending="layers", surface_prior=1, palette=1)


@pytest.fixture(scope="session")
def toy_photos(tmp_path_factory) -> pathlib.Path:
    """The same with a run `maps`, whose network of maps the export takes along."""
    return _toy_export(tmp_path_factory, "toy_photos", with_maps=True)


def _toy_export(tmp_path_factory, name: str, with_maps: bool = False, **changes) -> pathlib.Path:
    base = tmp_path_factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with filelock.FileLock(made.with_suffix(".lock")):
        if not made.exists():
            _make_toy_export(made, changes, with_maps)
    return made


def _make_toy_export(final: pathlib.Path, changes: dict, with_maps: bool) -> None:
    from exporting import TINY, make_run

    from dpt_tf.commands import main

    aside = final.with_suffix(".aside")
    flags = [f"--workdir={aside / 'run'}", f"--export_dir={aside / 'dpt'}", "--device=cpu"]
    if with_maps:
        from photo_toys import make_runs

        make_runs(aside, **changes)
        flags.append(f"--pose={aside / 'maps'}")
    else:
        make_run(aside / "run", TINY.replace(**changes))
    assert main.dispatch(["export", *flags]) == 0
    aside.rename(final)


@pytest.fixture(scope="module")
def toy_server(tmp_path_factory):
    """A server of the toy, versions 1 and 2, of which 1 is `stable`."""
    from client_toys import painting

    with painting(tmp_path_factory.mktemp("toys") / "dpt") as server:
        yield server
