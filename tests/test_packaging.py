"""What setup.cfg, constraints.txt and CITATION.cff promise, and what is said where an extra is missing."""

import ast
import configparser
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dpt_tf.commands import main, training_data
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[1]
SETUP = configparser.ConfigParser(comment_prefixes=("#",), interpolation=None)
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = ({"sys_platform": "linux", "os_name": "posix"}, {"sys_platform": "darwin", "os_name": "posix"})
SYSTEMS += ({"sys_platform": "win32", "os_name": "nt"},)

# The name to import, where it is another.
IMPORTED_AS = {"absl-py": "absl", "pillow": "PIL"}


def requirements(text: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


HARD = requirements(SETUP["options"]["install_requires"])
EXTRAS = {name: requirements(text) for name, text in SETUP["options.extras_require"].items()}
PINS = {canonicalize_name(pin.name): pin for pin in requirements(CONSTRAINTS)}


def test_every_requirement_is_pinned_within_its_bounds_on_every_system():
    asked = [*HARD, *(one for name, extra in EXTRAS.items() if name != "gpu" for one in extra if one.name != "dpt_tf")]
    for requirement in asked:
        pin = PINS[canonicalize_name(requirement.name)]
        (exact,) = pin.specifier
        assert exact.operator == "==" and requirement.specifier.contains(exact.version, prereleases=True), requirement
        for python in PYTHONS:
            for system in SYSTEMS:
                where = system | {"python_version": python, "python_full_version": f"{python}.0"}
                assert pin.marker is None or pin.marker.evaluate(where), (pin, where)


def test_dev_brings_every_extra_but_the_gpu():
    assert {extra for one in EXTRAS["dev"] for extra in one.extras} >= EXTRAS.keys() - {"dev", "gpu"} - _by_others()


def _by_others() -> set[str]:
    """Extras that other ones bring."""
    return {extra for name, ones in EXTRAS.items() if name != "dev" for one in ones for extra in one.extras}


def test_constraints_name_no_place_to_install_from():
    assert not re.search(r"://|--|@|\bhttps?\b", CONSTRAINTS)
    assert len(PINS) == len(requirements(CONSTRAINTS))


def test_every_hard_requirement_is_imported_or_has_a_reason():
    imported = set()
    for path in (ROOT / "dpt_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    for requirement in HARD:
        name = IMPORTED_AS.get(requirement.name, requirement.name.replace("-", "_"))
        assert name in imported or _reason(requirement.name), requirement


def _reason(name: str) -> bool:
    return bool(
        re.search(rf"^    # .+\n    {re.escape(name)}\b", (ROOT / "setup.cfg").read_text("utf-8"), re.MULTILINE)
    )


def test_the_citation_is_of_this_version_and_of_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == SETUP["metadata"]["version"]
    assert citation["license"] == SETUP["metadata"]["license"] == "Apache-2.0"
    paper = citation["preferred-citation"]
    assert paper["title"] == "Dense Pose Transfer" and paper["year"] == 2018
    assert [author["family-names"] for author in paper["authors"]] == ["Neverova", "Güler", "Kokkinos"]
    assert f"{SETUP['metadata']['version']}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture
def without_embreex(monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex", None)
    monkeypatch.setattr(quiet, "start_tensorflow", lambda: pytest.fail("work began"))


@pytest.mark.usefixtures("without_embreex")
def test_the_demo_says_first_which_extra_is_missing(capsys):
    assert main.guarded(lambda: main.dispatch(["demo"])) == 2
    assert capsys.readouterr().err == "making synthetic people needs embreex: pip install 'dpt_tf[synthetic]'\n"


@pytest.mark.usefixtures("without_embreex")
def test_training_on_synthetic_people_says_first_which_extra_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"pip install 'dpt_tf\[synthetic\]'"):
        training_data.find("synthetic", tmp_path / "data", 64)
    assert not list(tmp_path.iterdir())


def test_train_py_says_so_in_one_line(tmp_path):
    run = "runpy.run_path(sys.argv[0], {}, '__main__')"
    code = f"import runpy, sys; sys.modules['embreex'] = None; del sys.argv[0]; {run}"
    command = [sys.executable, "-c", code, str(ROOT / "train.py"), "--dataset=synthetic", "--preset=small"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 2
    assert done.stderr == "making synthetic people needs embreex: pip install 'dpt_tf[synthetic]'\n"
