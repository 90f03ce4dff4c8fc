"""What has to hold on systems where these tests may never run: nothing of POSIX alone, text in one encoding."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import dpt_tf

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("dpt_tf", "datasets", "serving")
SOURCES = [ROOT / "train.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]

IMPORT_ALL = """
import importlib, importlib.util, pkgutil, sys
packages, first, hidden = (names.split() for names in sys.argv[1:])
for name in first:
    importlib.import_module(name)
sys.modules |= dict.fromkeys(hidden)
failed = []
for package in packages:
    for found in pkgutil.walk_packages([package], f"{package}.", onerror=lambda name: None):
        if not found.name.endswith(".__main__"):
            try:
                importlib.import_module(found.name)
            except ImportError as error:
                failed.append(f"{found.name}: {error}")
sys.exit("\\n".join(failed) or 0)
"""

POSIX = "fcntl resource pwd grp termios"
EXTRAS = "apache_beam google_crc32c ijson mlcroissant pycocotools tensorflow_serving starlette uvicorn gradio"


@pytest.mark.parametrize(
    ("packages", "first", "hidden"),
    # What gradio brings asks for the system itself, and here finds one that has termios.
    [("dpt_tf serving", "gradio", POSIX), ("dpt_tf", "", EXTRAS)],
    ids=["posix", "extras"],
)
def test_every_module_imports_without(packages, first, hidden):
    command = [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, packages, first, hidden]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr


def test_text_files_are_utf_8_on_every_system():
    forgotten = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in SOURCES
        for call in _calls(path.read_text(encoding="utf-8"))
        if _opens_text(call) and "encoding" not in {each.arg for each in call.keywords}
    ]
    assert not forgotten


def _calls(code: str) -> list[ast.Call]:
    """All calls in `code`, but those of an `open` of its own."""
    nodes = list(ast.walk(ast.parse(code)))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)} & {"open"}
    return [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") not in own]


def _opens_text(call: ast.Call) -> bool:
    """`open(...)`, `path.open(...)` and the like, where the mode, if one is given, is not binary."""
    match call.func:
        case ast.Attribute(attr="read_text"):
            return not call.args
        case ast.Attribute(attr="write_text", value=value):
            return not isinstance(value, ast.Name) or value.id != "atomic"
        case ast.Name(id="open"):
            modes = call.args[1:2]
        case ast.Attribute(attr="open", value=value) if not isinstance(value, ast.Name) or value.id in ("path", "file"):
            modes = call.args[:1]
        case _:
            return False
    modes += [each.value for each in call.keywords if each.arg == "mode"]
    letters = [node.value for mode in modes for node in ast.walk(mode) if isinstance(node, ast.Constant)]
    return not any("b" in str(letter) for letter in letters)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("open(path)", True),
        ("open(path, 'w')", True),
        ("open(path, mode='rb')", False),
        ("path.open()", True),
        ("path.open('r+b' if end else 'w+b')", False),
        ("(folder / name).open('wb')", False),
        ("(folder / name).open('w')", True),
        ("Image.open(path)", False),
        ("os.open(path, flags)", False),
        ("path.read_text()", True),
        ("json.loads((folder / name).read_text())", True),
        ("pathlib.Path(name).write_text(text)", True),
    ],
)
def test_what_opens_text_is_recognised(line, text):
    assert any(map(_opens_text, _calls(line))) is text


def test_a_name_that_the_terminal_cannot_show_is_spelt_out(tmp_path):
    path = tmp_path / "\u8863.png"
    path.write_bytes(b"")
    command = [sys.executable, "-m", "dpt_tf", "inspect", str(path)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, env=env)
    assert b"UnicodeEncodeError" not in done.stderr
    assert b"\\u8863.png" in done.stdout + done.stderr


def test_every_name_that_dpt_tf_lists_is_there():
    for name in dir(dpt_tf):
        assert getattr(dpt_tf, name) is not None, name
