"""Trained weights that come with the package, each under a name: `dpt_tf.load("people")`.

  NAME/weights.npz   float16, by the names of layers
       hparams.json  how large the networks are, and how they were trained
       card.json     format, digest, data, command, scores, what the model cannot do, licence
       CARD.md       the same for people

`dpt ship` writes such a folder from a run, and it is a model wherever it lies; `weights` reads it.
"""

import pathlib

DEFAULT = "people"
CARD, CARD_TEXT, HPARAMS, WEIGHTS = "card.json", "CARD.md", "hparams.json", "weights.npz"

_HERE = pathlib.Path(__file__).resolve().parent


def names() -> list[str]:
    """The models that are here."""
    return sorted(path.parent.name for path in _HERE.glob(f"*/{CARD}"))


def folder(name: str = DEFAULT) -> pathlib.Path:
    """Where the model of this name lies, whatever the folder one stands in holds."""
    return _HERE / name


def find(model: pathlib.Path | str) -> pathlib.Path:
    """The folder of a run or model: `model` itself where that exists, else the shipped one of this name.

    Note: what exists wins, so that a path means the same whichever models a later version brings.
    """
    path = pathlib.Path(model)
    return folder(path.name) if not path.exists() and str(path) in names() else path


def is_model(path: pathlib.Path) -> bool:
    """Whether a folder is of the form above, damaged or not."""
    return (path / CARD).exists() or (path / WEIGHTS).exists()


def called(path: pathlib.Path) -> str:
    """What to call the model of a folder: its name, where it came with the package."""
    return path.name if path.parent == _HERE else str(path)
