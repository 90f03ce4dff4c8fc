"""The folder of a study.

study/page/            what workers see: open index.html, or put the folder on any web server
study/page/pictures/   all of one form and size, under numbers that tell nothing
study/key.json         which number is which picture; for `dpt study --report`, not for the server
study/answers/         for the files that workers send back
"""

import hashlib
import json
import pathlib
import shutil
from typing import Any

import numpy as np

from dpt_tf import config
from dpt_tf.images import display
from dpt_tf.study import pictures
from dpt_tf.study.protocol import COUNT, EXPOSURE, PRACTICE, TASKS, Task
from dpt_tf.system import atomic, files, locks
from dpt_tf.system.errors import UserError

FORMAT = 1
KEY = "key.json"
ANSWERS = "answers"
_PAGE = pathlib.Path(__file__).parent / "page"


def make(
    real: pathlib.Path,
    generated: pathlib.Path,
    output: pathlib.Path,
    pairs: bool = False,
    count: int = COUNT,
    practice: int = PRACTICE,
    exposure: float = EXPOSURE,
    size: int | None = None,
    seed: int = 0,
    save_to: str = "",
) -> dict[str, Any]:
    """Writes a study, whole or not at all; what its key says.

    Args:
      real: a folder of real pictures.
      generated: a folder of generated ones.
      output: the study's folder, which is not there yet or empty.
      pairs: whether the pose is asked about, too: each generated picture beside its target.
      count: pictures of either kind.
      practice: so many of them, of either kind, come first and count nowhere.
      exposure: seconds that a picture is seen for.
      size: frames all pictures in squares of so many pixels; None leaves them as they are.
      seed: draws the pictures.
      save_to: where the page posts a sheet, as JSON; empty for nowhere: workers are given it as a file.

    Raises:
      UserError: too few pictures, or unfit ones; or something is in `output`.
    """
    _check(real, generated, output, count, practice, exposure, size, seed)
    draw = np.random.default_rng(seed)
    reals = pictures.found(real, "--real")
    chosen = pictures.drawn(pictures.found(generated, "--generated"), count, f"--generated={generated}", draw)
    target = pictures.targets(chosen, generated, reals, real) if pairs else {}
    kinds = {path: "generated" for path in chosen}
    kinds |= {path: "real" for path in pictures.drawn(reals, count, f"--real={real}", draw)}
    paths = [*kinds, *dict.fromkeys(path for path in target.values() if path not in kinds)]
    number = {paths[k]: f"{n:03}" for n, k in enumerate(draw.permutation(len(paths)), 1)}

    def asked(task: Task, path: pathlib.Path) -> str:
        """The item of a picture; which of a pair is the target its order does not tell."""
        shown = [path, target[path]] if task.name == "pose" else [path]
        return "-".join(number[shown[k]] for k in draw.permutation(len(shown)))

    tasks: dict[str, dict[str, list[str]]] = {}
    for task in (task for task in TASKS.values() if pairs or task.name != "pose"):
        names = [[asked(task, path) for path in kinds if kinds[path] == kind] for kind in task.kinds]
        tasks[task.name] = {
            "practice": sorted(name for each in names for name in each[:practice]),
            "scored": sorted(name for each in names for name in each[practice:]),
        }
    key: dict[str, Any] = {
        "format": FORMAT,
        "real": str(real),
        "generated": str(generated),
        "seed": seed,
        "exposure": exposure,
        "tasks": tasks,
        "pictures": {number[p]: {"kind": kinds.get(p, "real"), "file": str(p)} for p in sorted(paths, key=number.get)},  # type: ignore[arg-type]
    }
    _write(output.resolve(), key, {path: f"{number[path]}.png" for path in paths}, size, save_to)
    return key


def _check(real, generated, output, count, practice, exposure, size, seed) -> None:
    """What can be said before any picture is read."""
    if practice < 0 or count <= practice:
        raise UserError(f"--count={count} with --practice={practice}: give more pictures than are for practice")
    if not 0.01 <= exposure <= 60:
        raise UserError(f"--exposure={exposure}: give seconds from 0.01 to 60")
    if size is not None and not 8 <= size <= 4096:
        raise UserError(f"--size={size}: give pixels from 8 to 4096")
    if not 0 <= seed <= config.LARGEST_SEED:
        raise UserError(f"--seed={seed}: give 0 or more, {config.LARGEST_SEED} at most")
    one, other = real.resolve(), generated.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(f"--real={real} and --generated={generated} hold the same pictures; give two separate folders")
    locks.refuse(output)
    if output.exists() and any(output.iterdir()):
        raise UserError(f"{output}: there already, and answers to it may be, too; give -o another folder")
    for folder in (real, generated):
        if output.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{output} would lie among the pictures of {folder}; give -o a folder elsewhere")


def _write(
    output: pathlib.Path, key: dict[str, Any], names: dict[pathlib.Path, str], size: int | None, save_to: str
) -> None:
    """The folder; `key` learns the study's name, a digest of what is shown and asked."""
    output.parent.mkdir(parents=True, exist_ok=True)
    atomic.clear(output.parent, "study")
    aside = atomic.named(output.parent, "study")
    try:
        shutil.copytree(_PAGE, aside / "page", copy_function=shutil.copyfile)
        content = hashlib.sha256(json.dumps([key["tasks"], key["exposure"]]).encode())
        for name, picture in zip(names.values(), pictures.read(list(names), size), strict=True):
            display.save(aside / "page" / "pictures" / name, picture)
            content.update(picture.tobytes())
        key["study"] = content.hexdigest()[:12]
        facts = {
            "study": key["study"],
            "exposure_ms": round(1000 * key["exposure"]),
            "save_to": save_to,
            "tasks": [_task(name, key) for name in key["tasks"]],
        }
        # A script and no JSON: browsers let a page on disk load the one, not the other.
        atomic.write_text(aside / "page" / "protocol.js", f"const STUDY = {json.dumps(facts, indent=1)};\n")
        atomic.write_json(aside / KEY, key)
        (aside / ANSWERS).mkdir()
        atomic.replace(aside, output)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _task(name: str, key: dict[str, Any]) -> dict[str, Any]:
    """What the page knows of a task: no truth, but of the practice that is told right or wrong."""
    task, items = TASKS[name], key["tasks"][name]
    about = {"name": name, "about": task.about, "question": task.question, "answers": task.answers, **items}
    truth = {item: task.answers[kind_of(item, key) != "real"] for item in items["practice"]} if task.has_truth else {}
    return about | {"truth": truth}


def kind_of(item: str, key: dict[str, Any]) -> str:
    """Whether an item, the numbers of one picture or two, asks about a real or a generated picture."""
    kinds = {key["pictures"][number]["kind"] for number in item.split("-")}
    return "generated" if "generated" in kinds else "real"


def read_key(folder: pathlib.Path) -> dict[str, Any]:
    """What `make` wrote.

    Raises:
      UserError: there is no study in `folder`, or its key is damaged.
    """
    path = folder / KEY
    if not path.exists():
        raise UserError(f"{folder}: no {KEY} in it; give -o the folder that dpt study made")
    try:
        key = files.read_facts(path)
        if key["format"] != FORMAT:
            raise ValueError(f"format {key['format']}")
        for task in key["tasks"]:
            if {kind_of(item, key) for item in key["tasks"][task]["scored"]} != set(TASKS[task].kinds):
                raise ValueError(f"task {task} lacks pictures")
            for item in key["tasks"][task]["practice"] + key["tasks"][task]["scored"]:
                if kind_of(item, key) not in TASKS[task].kinds:
                    raise ValueError(f"{item} is not of task {task}")
        if not isinstance(key["study"], str):
            raise ValueError("the study has no name")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: not the key of a study ({reason}); take it from a copy of the folder") from None
    return key
