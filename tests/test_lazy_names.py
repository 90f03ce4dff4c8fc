"""Packages whose names resolve when they are first used: all of them do, and importing the package loads nothing."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import dpt_tf

ROOT = pathlib.Path(__file__).resolve().parents[1]

ASK = """
import importlib, json, sys
packages = {name: importlib.import_module(name) for name in sys.argv[1:]}
light = not {"tensorflow", "keras"} & set(sys.modules)
def kinds(package): return {n: type(getattr(package, n)).__name__ for n in dir(package) if not n.startswith("_")}
print(json.dumps([light, {name: kinds(package) for name, package in packages.items()}]))
"""


@pytest.fixture(scope="module")
def asked():
    """Whether importing is light, and for each package what its names are, as a new process sees it."""
    packages = ["dpt_tf.models", "dpt_tf.ops", "dpt_tf"]
    done = subprocess.run([sys.executable, "-c", ASK, *packages], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_them_is_light(asked):
    assert asked[0]


@pytest.mark.parametrize("package", ["models", "ops"])
def test_every_file_of_the_package_is_a_name_of_it(asked, package):
    files = sorted(path.stem for path in (pathlib.Path(dpt_tf.__file__).parent / package).glob("[!_]*.py"))
    assert "conditioning" in files or "atlas" in files
    assert asked[1][f"dpt_tf.{package}"] == dict.fromkeys(files, "module")


def test_every_name_of_the_library_itself_resolves(asked):
    names = asked[1]["dpt_tf"]
    assert names.pop("load") == names.pop("pose") == "function"
    assert {"data", "densepose", "iuv", "layers", "losses", "metrics", "models", "ops"} <= names.keys()
    assert set(names.values()) == {"module"}


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'dpt_tf.models' has no attribute 'painting'"):
        dpt_tf.models.painting  # noqa: B018


def test_nobody_who_loads_a_model_reads_tensorflows_greetings(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | {"PYTHONPATH": str(ROOT)}
    code = "import dpt_tf; dpt_tf.load; dpt_tf.pose"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
