"""Where the real photos live, if this machine has them."""

import os
import pathlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def realdata() -> pathlib.Path:
    """The folder of real photos with real DensePose maps, or a skip that says so."""
    beside = pathlib.Path(__file__).resolve().parents[2] / "shared" / "realdata"
    folder = pathlib.Path(os.environ.get("DPT_REALDATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real photos here: {folder} is absent (set DPT_REALDATA)")
    return folder
