"""A run and a shipped model on the same people, each at its own size: photos to look at, and one table.

The run paints at its size. The shipped model gets the same views as larger pictures, of a data set of the same people,
and what it paints is reduced to the run's size to be scored. A sheet shows it whole.
"""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from dpt_tf import shipped
from dpt_tf.data import read, records
from dpt_tf.evaluation import scoring
from dpt_tf.evaluation.ready_pictures import Pair
from dpt_tf.images import display, framing
from dpt_tf.transfer import painter

View = tuple[np.ndarray, np.ndarray]  # a photo and its map, uint8 `[S, S, 3]`


class ShippedBeside(scoring.ModelPainter):
    """What a run paints, and what the shipped model makes of the same views in a larger size."""

    rows: tuple[str, ...] = ("copy", "warped", "pasted", "predicted", "shipped", "full")
    columns: Mapping[str, str] = {
        "whole source": "source",
        "whole pose": "target pose",
        "warped": "warped",
        "layers": "layers",
        "full": "result",
        "whole shipped": "shipped model",
        "whole truth": "truth",
    }

    def __init__(self, model, split: scoring.Split, larger: pathlib.Path):
        """`larger` is a data set of the people of `split`, with as many views of each."""
        super().__init__(model)
        self._transfer = painter.load(shipped.folder())
        self._views = _views(split, larger)

    def __call__(self, inputs: Mapping[str, tf.Tensor], pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
        """Runs both on a batch."""
        shown = super().__call__(inputs, pairs)
        size = shown["full"].shape[1]
        whole: dict[str, list[np.ndarray]] = {name: [] for name in self.columns if name.startswith("whole")}
        for item, source, target in pairs:
            (photo, source_iuv), (truth, target_iuv) = self._views[item, source], self._views[item, target]
            whole["whole source"].append(photo)
            whole["whole pose"].append(display.colour_map(target_iuv))
            whole["whole shipped"].append(self._transfer(photo, source_iuv, target_iuv)["image"])
            whole["whole truth"].append(truth)
        shown["shipped"] = np.stack([framing.square_photo(one, size) for one in whole["whole shipped"]])
        return shown | {name: np.stack(pictures) for name, pictures in whole.items()}


def _views(split: scoring.Split, larger: pathlib.Path) -> dict[tuple[str, str], View]:
    """Every view that a pair of `split` needs, by item and view."""
    hparams = split.hparams.replace(image_size=records.open_prepared(larger).image_size)
    views: dict[tuple[str, str], View] = {}
    for inputs, target, names in read.eval_pairs(
        larger, hparams, split.split, split.limit, split.seed, scaled=False
    ).as_numpy_iterator():
        for i, item in enumerate(names["item"]):
            for kind, photos in (("source", inputs["source"]), ("target", target)):
                views[item.decode(), names[kind][i].decode()] = photos[i], inputs[f"{kind}_iuv"][i]
    return views
