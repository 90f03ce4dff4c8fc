"""Where a report goes, so that none takes the place of one on other pairs.

runs/NAME/evaluation                     the run's own data set, its split test, by dsc; NAME of a shipped model, too
runs/NAME/evaluation-mine-1f0c22aa       another data set: its folder's name and digest
runs/NAME/evaluation-train-seed1-patn    another split, source views drawn by another seed, another protocol
runs/NAME/evaluation-fid-train@256.png   another protocol of FID
"""

import pathlib
from typing import Any

from dpt_tf import shipped
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

_NAMED = ("split", "protocol", "fid")


def of_model(model: pathlib.Path) -> pathlib.Path:
    """Where the report of a run goes: into it. That of a shipped model, by name or by its folder: `runs/NAME`."""
    found = shipped.find(model)
    return (pathlib.Path("runs", found.name) if found == shipped.folder(found.name) else model) / "evaluation"


def beside(pictures: pathlib.Path) -> pathlib.Path:
    """Where the report of a folder of pictures goes if nobody says: next to it, not into it.

    Raises:
      UserError: nothing is beside the root of a disk.
    """
    named = pictures if pictures.name not in ("", "..") else pictures.resolve()
    if not named.name:
        raise UserError(f"--pictures={pictures} has no place beside it for the report; give --output=FOLDER")
    return named.with_name(f"{named.name}-evaluation")


def usual(base: pathlib.Path, facts: dict[str, Any], own: str | None) -> pathlib.Path:
    """The folder of a report if nobody says: `base`, and behind it whatever is not as usual about what is scored.

    As usual are the data set whose digest is `own` (None: that of the report which is there), the split `test`, seed 0,
    the protocol `dsc` and FID's `test`.
    """
    own = own or _scored(base).get("data")
    data, parts = facts["digests"]["data"], []
    if own is not None and data != own:
        parts.append(f"{pathlib.Path(facts['data_dir']).resolve().name}-{data[:8]}")
    parts += [facts["split"]] if facts["split"] != "test" else []
    parts += [f"seed{facts['seed']}"] if facts["seed"] else []
    parts += [facts["protocol"]] if facts["protocol"] != "dsc" else []
    parts += [f"fid-{facts['fid']}"] if facts["fid"] != "test" else []
    return base.with_name("-".join([base.name, *parts]))


def refuse_another(output: pathlib.Path, facts: dict[str, Any]) -> None:
    """Keeps the report of another data set, split or protocol.

    Raises:
      UserError: one lies in `output`.
    """
    before = _scored(output)
    now = {"data": facts["digests"]["data"], **{key: facts[key] for key in _NAMED}}
    differ = [f"{key} {before[key]}, not {now[key]}" for key in now if before.get(key, now[key]) != now[key]]
    if differ:
        raise UserError(f"{output} holds a report on other pairs ({', '.join(differ)}); give another --output")


def _scored(folder: pathlib.Path) -> dict[str, str]:
    """Digest of the data set, split and protocols of the report in a folder; what is not known is left out."""
    try:
        report = files.read_facts(folder / "report.json")
        found = {"data": report["digests"].get("data"), **{key: report.get(key) for key in _NAMED}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}
