"""Checkpoints that are there whole or not at all.

    checkpoints/step_00001200/   variables.index  variables.data-00000-of-00001  manifest.json

A checkpoint is written aside, flushed to the disk and renamed. Its manifest holds the size and digest of every file, so
that one which was cut short afterwards is recognised, and the one before it used. Variables are stored by group and
place (`generator/17`), in the order in which the network was built: what one stage saved, another can load into a
sub-network of its own.
"""

import hashlib
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError

Variables = Mapping[str, Sequence[Any]]  # group -> Keras variables

_MANIFEST = "manifest.json"
_PREFIX = "variables"
_CHUNK = 1 << 22


def path_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Where the checkpoint of `step` lies."""
    return folder / f"step_{step:08d}"


def step_of(path: pathlib.Path) -> int:
    """The inverse of `path_of`."""
    return int(path.name.removeprefix("step_"))


def all_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """Every checkpoint of a folder, whole or not, oldest first."""
    return sorted(path for path in folder.glob("step_*") if path.name.removeprefix("step_").isdigit())


def save(folder: pathlib.Path, step: int, variables: Variables, keep: int = 3) -> pathlib.Path:
    """Writes the checkpoint of `step` and removes all but the last `keep`.

    Raises:
      OSError, tf.errors.OpError: it could not be written, and then nothing of it is left; the older ones are untouched.
    """
    aside, final = folder / f".partial_{step:08d}", path_of(folder, step)
    for leftover in folder.glob(".partial_*"):  # of a run that was killed while it saved
        shutil.rmtree(leftover)
    aside.mkdir(parents=True)
    try:
        _trackable(variables).write(str(aside / _PREFIX))
        files = {path.name: _describe(path) for path in sorted(aside.iterdir())}
        atomic.write_json(aside / _MANIFEST, {"step": step, "files": files})
        atomic.flush(aside)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if final.exists():  # a damaged one, or `latest` would have gone on from it
        shutil.rmtree(final)
    aside.replace(final)
    atomic.flush(folder)
    for old in all_of(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def latest(folder: pathlib.Path, say: Callable[[str], None] = print) -> pathlib.Path | None:
    """The newest checkpoint that is whole, or None where there are none; says which ones it passes over.

    Raises:
      UserError: there are checkpoints and every one is damaged.
    """
    damaged = ""
    for path in reversed(all_of(folder)):
        fault = damage(path)
        if fault is None:
            if damaged:
                say(f"{damaged}; using the one before it, {path.name}")
            return path
        damaged = f"{path} is damaged ({fault})"
    if damaged:
        raise UserError(f"{damaged}, and no whole checkpoint is left in {folder}; remove that folder to train anew")
    return None


def damage(path: pathlib.Path) -> str | None:
    """What is wrong with a checkpoint's files, or None. Reads them all."""
    try:
        listed = files.read_facts(path / _MANIFEST)["files"]
        if not {f"{_PREFIX}.index", f"{_PREFIX}.data-00000-of-00001"} <= listed.keys():
            return f"{_MANIFEST} lists no variables"
        if any(not name.startswith(f"{_PREFIX}.") or name != pathlib.PurePath(name).name for name in listed):
            return f"{_MANIFEST} names a file that is elsewhere"
        for name, described in listed.items():
            size = (path / name).stat().st_size
            if size != described["bytes"]:
                return f"{name} has {size} of {described['bytes']} bytes"
            if _describe(path / name) != described:
                return f"{name} does not match its digest"
    except FileNotFoundError as error:
        return f"no {pathlib.Path(error.filename).name}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{_MANIFEST} cannot be read: {error}"
    return None


def most_weights(path: pathlib.Path) -> int:
    """How many numbers a checkpoint can hold, by the size of its files."""
    return sum(file.stat().st_size for file in path.glob(f"{_PREFIX}.data-*")) // 4


def restore(path: pathlib.Path, variables: Variables) -> None:
    """Loads the groups named in `variables` from a whole checkpoint; other groups of it are left alone.

    Raises:
      UserError: it holds other networks than these.
    """
    prefix = str(path / _PREFIX)
    try:
        stored = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} is no checkpoint of TensorFlow's ({reason}); remove it to go on without it") from None
    for group, members in variables.items():
        shapes = {i: stored.get(f"{group}/{i}/.ATTRIBUTES/VARIABLE_VALUE") for i in range(len(members) + 1)}
        for i, variable in enumerate(members):
            if shapes[i] is None or list(shapes[i]) != list(variable.shape):
                raise UserError(
                    f"{path} holds another {group}: {variable.path} has shape {tuple(variable.shape)} here and "
                    f"{shapes[i] and tuple(shapes[i])} there; use the version of dpt_tf that trained it, or train anew"
                )
        if shapes[len(members)] is not None:
            raise UserError(f"{path} holds a larger {group} than this one; use the version of dpt_tf that trained it")
    _trackable(variables).read(prefix).assert_existing_objects_matched().expect_partial()


def _trackable(variables: Variables) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(**{group: [v.value for v in members] for group, members in variables.items()})


def _describe(path: pathlib.Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with files.opened(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
