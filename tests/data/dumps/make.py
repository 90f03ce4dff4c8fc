"""Makes the dumps beside it from invented people: `python make.py`, with torch installed (2.13 made those stored).

Detectron2 itself is not needed: its class of results is declared here under its own module's name, which is all that
a pickle keeps of a class. `new_two_photos.pkl` and `new_two_people.pkl` are what `apply_net.py dump` writes since
October 2022 (`torch.save`), `old.pkl` is what it wrote before (`pickle.dump`).
"""

import dataclasses
import pathlib
import pickle
import sys
import types

import torch

HERE = pathlib.Path(__file__).parent
MODULE = "densepose.structures.chart_result"


@dataclasses.dataclass
class DensePoseChartResultWithConfidences:
    """The fields that Detectron2's class of this name has."""

    labels: torch.Tensor
    uv: torch.Tensor
    sigma_1: torch.Tensor | None = None
    sigma_2: torch.Tensor | None = None
    kappa_u: torch.Tensor | None = None
    kappa_v: torch.Tensor | None = None
    fine_segm_confidence: torch.Tensor | None = None
    coarse_segm_confidence: torch.Tensor | None = None


for name in ("densepose", "densepose.structures", MODULE):
    sys.modules[name] = types.ModuleType(name)
sys.modules[MODULE].DensePoseChartResultWithConfidences = DensePoseChartResultWithConfidences
DensePoseChartResultWithConfidences.__module__ = MODULE


def person(height, width):
    """A box `[height, width]`: a head (24) above a torso (2), U along the columns, V along the rows, one overshoot."""
    labels = torch.zeros(height, width, dtype=torch.int64)
    labels[: height // 3, width // 4 : -(width // 4)] = 24
    labels[height // 3 :, 1:-1] = 2
    u = torch.linspace(0, 1, width).expand(height, width)
    v = torch.linspace(-0.002, 1.004, height)[:, None].expand(height, width)
    return DensePoseChartResultWithConfidences(labels, torch.stack([u, v]) * (labels > 0))


def photo(name, *boxes):
    """What Detectron2 tells of one photo; a box is (x0, y0, height, width, score)."""
    return {
        "file_name": name,
        "scores": torch.tensor([score for *_, score in boxes]),
        "pred_boxes_XYXY": torch.tensor(
            [[x, y, x + width + 0.25, y + height + 0.25] for x, y, height, width, _ in boxes]
        ),
        "pred_densepose": [person(height, width) for _, _, height, width, _ in boxes],
    }


two_photos = [photo("shop/a.jpg", (3.7, 2.2, 9, 8, 0.98)), photo("shop/b.jpg", (0.4, 1.9, 12, 6, 0.91))]
two_people = [photo("street.jpg", (1.5, 3.5, 6, 6, 0.99), (4.25, 2.75, 12, 8, 0.87))]
torch.save(two_photos, HERE / "new_two_photos.pkl")
torch.save(two_people, HERE / "new_two_people.pkl")
with open(HERE / "old.pkl", "wb") as file:
    pickle.dump(two_people, file)
