"""A model over a split: the same pairs for the model and for the baselines beside it.

copy       the source photo itself
warped     the warping stream alone
predicted  the predictive stream alone
full       the blended result
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dpt_tf import metrics, pictures

ROWS = {
    "copy": "copy the source",
    "warped": "warped only",
    "pasted": "warped, pasted",
    "predicted": "predicted only",
    "full": "full",
}


@dataclasses.dataclass
class Case:
    """One pair as it is shown on a sheet; pictures uint8, maps (I, U, V)."""

    name: str
    score: float
    source: np.ndarray
    target_iuv: np.ndarray
    warped: np.ndarray
    predicted: np.ndarray
    full: np.ndarray
    target: np.ndarray


@dataclasses.dataclass
class Report:
    """What a model scored: `table[row][score]`, the number of pairs, and some cases to look at."""

    pairs: int
    table: dict[str, dict[str, float]]
    cases: list[Case]

    def markdown(self) -> str:
        """The table as text; the best of each column is marked with a star."""
        names = list(next(iter(self.table.values())))
        best = {n: (min if n == "L1" else max)(row[n] for row in self.table.values()) for n in names}
        lines = [f"| {'':16} | " + " | ".join(f"{n:>10}" for n in names) + " |"]
        lines.append("|" + "-" * 18 + "|" + "|".join("-" * 11 + ":" for _ in names) + "|")
        for key, scores in self.table.items():
            cells = (f"{scores[n]:.{2 if n == 'PSNR' else 4}f}{'*' if scores[n] == best[n] else ' '}" for n in names)
            lines.append(f"| {ROWS[key]:16} | " + " | ".join(f"{cell:>10}" for cell in cells) + " |")
        return "\n".join(lines)


def score(
    model: Callable[[dict], dict], batches: Iterable, pairs: int, keep: int = 16, protocol: str = "dsc"
) -> Report:
    """Runs `model` over `batches` of (inputs, target, names) and scores it and its baselines.

    Args:
      model: a generator, inputs of the contract to its dict of outputs.
      batches: as `data.eval_pairs` gives them.
      pairs: how many pairs there are, for the progress bar.
      keep: cases kept for a sheet, evenly over the split.
      protocol: of the SSIM.

    Raises:
      ValueError: the split has no pair.
    """
    scores = {row: metrics.Scores(protocol) for row in ROWS}
    forward = tf.function(lambda inputs: model(inputs), reduce_retracing=True)
    cases: list[Case] = []
    done, every = 0, max(1, pairs // keep)
    with tqdm(total=pairs, desc="scoring", unit="pair", leave=False) as bar:
        for inputs, target, names in batches:
            outputs = forward(inputs)
            shown = {"copy": inputs["source"], "target": target, "full": outputs["image"]}
            shown |= {name: outputs[name] for name in ("warped", "predicted")}
            shown = {name: pictures.to_uint8(picture.numpy()) for name, picture in shown.items()}
            shown["pasted"] = _before_backdrop(shown["warped"], inputs["target_iuv"].numpy(), shown["copy"])
            values = {row: scores[row].update(shown["target"], shown[row]) for row in ROWS}
            for i in range(len(shown["target"])):
                if (done + i) % every == 0 and len(cases) < keep:
                    source, aim = (names[key][i].numpy().decode() for key in ("source", "target"))
                    cases.append(
                        Case(
                            name=f"{names['item'][i].numpy().decode()}: {source} -> {aim}",
                            score=float(values["full"][f"SSIM ({protocol})"][i]),
                            source=shown["copy"][i],
                            target_iuv=inputs["target_iuv"][i].numpy(),
                            **{name: shown[name][i] for name in ("warped", "predicted", "full", "target")},
                        )
                    )
            done += len(shown["target"])
            bar.update(len(shown["target"]))
    if not done:
        raise ValueError("the split has no pair to score")
    return Report(done, {row: scores[row].result() for row in ROWS}, cases)


def _before_backdrop(warped: np.ndarray, target_iuv: np.ndarray, source: np.ndarray) -> np.ndarray:
    """`warped` on the person's pixels, elsewhere the median colour of the source's border. All `[B, H, W, 3]` uint8."""
    border = np.concatenate([source[:, 0], source[:, -1], source[:, :, 0], source[:, :, -1]], axis=1)  # [B, n, 3]
    backdrop = np.median(border, axis=1).astype(np.uint8)[:, None, None]
    return np.where(target_iuv[..., :1] > 0, warped, backdrop)


def sheet(cases: list[Case], least: int = 128) -> np.ndarray:
    """The contact sheet: a row a case, from the source to the truth. `[H, W, 3]` uint8.

    Pictures smaller than `least` pixels are shown enlarged, pixel by pixel.
    """
    columns = ("source", "target_iuv", "warped", "predicted", "full", "target")
    captions = ("source", "target pose", "warped", "predicted", "full", "truth")
    rows = [
        [
            pictures.colour_map(case.target_iuv) if column == "target_iuv" else getattr(case, column)
            for column in columns
        ]
        for case in cases
    ]
    times = max(1, least // len(cases[0].target))
    return pictures.grid([[p.repeat(times, 0).repeat(times, 1) for p in row] for row in rows], captions)
