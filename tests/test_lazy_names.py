"""Packages whose names resolve when they are first used: all of them do, and importing the package loads nothing."""

import json
import pathlib
import subprocess
import sys

import pytest

import dpt_tf

ASK = """
import importlib, json, sys
package = importlib.import_module(sys.argv[1])
light = not {"tensorflow", "keras"} & set(sys.modules)
names = [name for name in dir(package) if not name.startswith("_")]
print(json.dumps([light, {name: type(getattr(package, name)).__name__ for name in names}]))
"""


def asked(package):
    done = subprocess.run([sys.executable, "-c", ASK, package], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("package", ["models", "ops"])
def test_every_file_of_the_package_is_a_name_of_it(package):
    files = sorted(path.stem for path in (pathlib.Path(dpt_tf.__file__).parent / package).glob("[!_]*.py"))
    assert "conditioning" in files or "atlas" in files
    assert json.loads(asked(f"dpt_tf.{package}")) == [True, dict.fromkeys(files, "module")]


def test_every_name_of_the_library_itself_resolves():
    light, names = json.loads(asked("dpt_tf"))
    assert light
    assert names.pop("load") == "function"
    assert {"data", "iuv", "layers", "losses", "metrics", "models", "ops"} <= names.keys()
    assert set(names.values()) == {"module"}


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'dpt_tf.models' has no attribute 'painting'"):
        dpt_tf.models.painting  # noqa: B018
