"""Tries the wheel as somebody has it who knows nothing of this checkout: `python tests/wheel.py`, or `make wheel-test`.

Builds the source distribution and the wheel from it, installs the wheel in an empty environment in a folder whose path
has a space and a letter outside of ASCII, and runs it there. Takes minutes, most of them pip's.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAP = ROOT / "datasets" / "mvc_pairs" / "dummy_data" / "3000000-1-4x_IUV.png"
IMPORT_SECONDS = 0.3  # with the start of the interpreter
NOT_SHIPPED = {".ci", ".gitignore", ".pre-commit-config.yaml"}  # nobody's tests need them

OURS_ALONE = ("tests", "serving", "datasets", "benchmarks", "train")
FOREIGN = f"import importlib.util as u; print([name for name in {OURS_ALONE} if u.find_spec(name)])"
INSTALLED = "import importlib.metadata as m; print('\\n'.join(path.as_posix() for path in m.files('dpt_tf')))"
LOAD = "import dpt_tf; print(dpt_tf.load('people').image_size)"
LAZY = "import sys, dpt_tf; print([n for n in ('tensorflow', 'keras', 'numpy') if n in sys.modules])"


def main() -> None:
    """Every step; the first that fails ends it with its reason."""
    with tempfile.TemporaryDirectory(prefix="dpt_tf whéel ") as temporary:
        folder = pathlib.Path(temporary)
        with _step("sdist and wheel"):
            wheel = _build(folder / "dist")
        with _step("an empty environment"):
            environment = _install(folder / "environment", wheel)
        _try(environment, folder)
    print("the wheel works")


def _build(folder: pathlib.Path) -> pathlib.Path:
    """The wheel, made of the source distribution, which has to hold whatever its tests need."""
    # What an earlier build listed would be shipped again, whatever MANIFEST.in says now.
    (ROOT / "dpt_tf.egg-info" / "SOURCES.txt").unlink(missing_ok=True)
    _run([sys.executable, "-m", "build", "--outdir", folder, ROOT], ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        shipped = {member.name.partition("/")[2] for member in archive if member.isfile()}
    forgotten = {path for path in _tracked() if path.partition("/")[0] not in NOT_SHIPPED} - shipped
    _check(not forgotten, f"{sdist.name} lacks {', '.join(sorted(forgotten))}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def _tracked() -> list[str]:
    """What is in the repository; nothing to compare with where this is no checkout."""
    if not (ROOT / ".git").exists():
        return []
    return _run(["git", "-c", "core.quotePath=off", "ls-files"], ROOT).splitlines()


def _install(folder: pathlib.Path, wheel: pathlib.Path) -> pathlib.Path:
    """The folder of the environment's programs."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--no-compile", "--constraint"]
    _run([*pip, ROOT / "constraints.txt", f"{wheel}[synthetic]"], folder)
    return programs


def _try(programs: pathlib.Path, folder: pathlib.Path) -> None:
    """What users do first."""
    python, dpt = programs / "python", programs / "dpt"
    with _step("what is installed"):
        _check(_run([python, "-c", FOREIGN], folder).strip() == "[]", "more than dpt_tf can be imported")
        files = set(_run([python, "-c", INSTALLED], folder).split())
        sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dpt_tf").rglob("*.py")}
        shipped = {f"dpt_tf/shipped/people/{name}" for name in ("weights.npz", "hparams.json", "card.json", "CARD.md")}
        page = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dpt_tf/study/page").rglob("*") if path.is_file()}
        missing = (sources | shipped | page | {"dpt_tf/py.typed"}) - files
        _check(not missing, f"the wheel lacks {sorted(missing)}")
        _check(any(path.endswith("licenses/LICENSE") for path in files), "the wheel lacks its licence")
        tops = {path.partition("/")[0] for path in files if not path.startswith("../")}
        _check(len(tops) == 2 and "dpt_tf" in tops, f"the wheel installs {sorted(tops)}")
    with _step("import dpt_tf"):
        _check(_run([python, "-c", LAZY], folder).strip() == "[]", "import dpt_tf loads what it should not")
        seconds = min(_seconds([python, "-c", "import dpt_tf"], folder) for _ in range(5))
        _check(seconds < IMPORT_SECONDS, f"import dpt_tf took {seconds:.2f} s, more than {IMPORT_SECONDS}")
    with _step("the shipped model"):
        _check(_run([python, "-c", LOAD], folder).strip().isdigit(), "dpt_tf.load('people') gives no model")
    with _step("dpt --help"):
        _check("inspect" in _run([dpt, "--help"], folder), "dpt --help lists no verbs")
    with _step("dpt inspect"):
        shutil.copy(MAP, folder / "máp.png")
        _check("R = V, G = U, B = I" in _run([dpt, "inspect", "máp.png"], folder), "dpt inspect does not know the map")
    with _step("dpt demo --quick"):
        said = _run([dpt, "demo", "--quick"], folder)
        _check(
            "mean nothing" in said and "predicted only" in said and "shipped model" in said,
            "dpt demo ended without its table",
        )
        _check((folder / "runs/demo-quick/evaluation/sheet.png").is_file(), "dpt demo left no sheet")


def _seconds(command: list, folder: pathlib.Path) -> float:
    begun = time.monotonic()
    _run(command, folder)
    return time.monotonic() - begun


def _run(command: list, folder: pathlib.Path) -> str:
    """What it printed; where it fails, that and the end of this program."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {"PYTHONUTF8": "1"}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env, capture_output=True, encoding="utf-8")
    _check(done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(otherwise)


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
