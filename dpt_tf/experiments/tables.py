"""The paper's tables as data: which networks were trained for each row, what they scored, which order the paper sees.

A row is hyper-parameters and nothing else; its stages follow from its blocks (`HParams.stages`). All rows of a table
have the steps, the seed and the data in common.

Note:
  Rows of "the predictive module only" (Tables 3 and 7, the first of Table 4) go through the predictive and the joint
  stage like every other: in the joint one their generator is the predictive network alone (`blocks=predictive`), moved
  on by the same loss for as many steps. So the weights of the picture that is scored see predictive_steps +
  joint_steps updates in every row of a table, and DensePose rows of Tables 3, 4 and 7 are one and the same run, as
  their equal figures in the paper suggest. The inpainting stage comes on top where a row inpaints: it trains no weight
  that another row has. The paper does not say how it counted.

  Table 8 has one line for the paper's own model and does not say which of the three it is; its figures are quoted and
  belong to no row.

One table is not the paper's: `beyond`, what goes beyond it, each thing alone on the full model of Table 4 and all of
them together. Rows of the paper's tables have none of it, whatever preset they begin with.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from dpt_tf import config
from dpt_tf.config import HParams
from dpt_tf.system.errors import UserError

_NO_LOSS = {"l1_weight": 0.0, "perceptual_weight": 0.0, "style_weight": 0.0, "gan_weight": 0.0}
_NO_LOSS |= {"ssim_weight": 0.0, "predicted_weight": 0.0, "matte_weight": 0.0}
_NOTHING_BEYOND: dict[str, Any] = {"palette": 0, "surface_prior": 0, "blending": "residual", "augment": 0}
_PAPER = HParams()


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
      name: short, unique in its table, fit for a folder and a caption.
      label: as the paper has it.
      changes: the hyper-parameters that make it this row.
      paper: its figures in the paper, by score.
    """

    name: str
    label: str
    changes: Mapping[str, Any]
    paper: Mapping[str, float]

    def hparams(self, base: HParams, seed: int) -> HParams:
        """Those of the row with one seed."""
        return base.replace(**self.changes, seed=seed)


@dataclasses.dataclass(frozen=True)
class Ordering:
    """A claim: by `score` the rows `names` go from best to worst. `where` it is made."""

    score: str
    names: tuple[str, ...]
    where: str = "figures"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the paper, or one that goes beyond it.

    Attributes:
      number: in the paper; else a name.
      title: what it compares.
      rows: what is trained.
      orderings: what the paper sees in it, or is expected of it.
      paper_dataset: what its figures are of; empty where it has none.
      dataset: what the command takes where no flag says otherwise.
      quoted: figures of lines that are not trained here.
      textures: the row whose textures are shown before and after inpainting (Fig. 3), if any.
    """

    number: int | str
    title: str
    rows: tuple[Row, ...]
    orderings: tuple[Ordering, ...]
    paper_dataset: str = "DeepFashion"
    dataset: str = "synthetic"
    quoted: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    textures: str = ""

    def choose(self, text: str) -> tuple[Row, ...]:
        """The rows named in `text`, by number from 1, name or label, joined by commas; all where it is empty.

        Raises:
          UserError: there is no such row, or one of several names is empty.
        """
        if not text:
            return self.rows
        wanted = [part.strip() for part in text.split(",")]
        known = {key.lower(): row for i, row in enumerate(self.rows) for key in (str(i + 1), row.name, row.label)}
        # A label may hold commas itself.
        if text.strip().lower() in known:
            wanted = [text.strip()]
        unknown = [part for part in wanted if part.lower() not in known]
        if unknown:
            have = ", ".join(f"{i + 1} {row.name}" for i, row in enumerate(self.rows))
            raise UserError(
                f"--rows={text}: Table {self.number} has no row {unknown[0] or 'without a name'}; have {have}"
            )
        chosen = [known[part.lower()] for part in wanted]
        return tuple(row for row in self.rows if row in chosen)

    def check(self, given: Mapping[str, Any]) -> None:
        """Refuses hyper-parameters that a user gives for all rows and some row fixes at another value.

        Raises:
          UserError: names the hyper-parameter and the row.
        """
        for row, (key, value) in itertools.product(self.rows, given.items()):
            if key in row.changes and row.changes[key] != value:
                raise UserError(
                    f"--hparams={key}={value}: the row {row.name} of Table {self.number} is what it is by "
                    f"{key}={row.changes[key]}; leave it out"
                )


def _losses(*names: str) -> dict[str, Any]:
    """The paper's weight for each loss named, 0 for the others; nothing that goes beyond the paper."""
    return _NOTHING_BEYOND | _NO_LOSS | {f"{name}_weight": getattr(_PAPER, f"{name}_weight") for name in names}


def _figures(names: str, *values: float) -> dict[str, float]:
    return dict(zip(names.split(), values, strict=True))


def _conditioned(name: str, label: str, source: str, target: str, *figures: float) -> Row:
    changes = {"blocks": "predictive", "source_pose": source, "target_pose": target, **_losses("l1")}
    return Row(name, label, changes, _figures("SSIM MS-SSIM IS", *figures))


def _built(blocks: str, label: str, *figures: float) -> Row:
    return Row(blocks, label, {"blocks": blocks, **_losses("l1")}, _figures("SSIM MS-SSIM IS", *figures))


def _trained(name: str, label: str, losses: Sequence[str], scores: str = "", *figures: float) -> Row:
    return Row(name, label, {"blocks": "full", **_losses(*losses)}, _figures(scores, *figures))


def _supervised(name: str, losses: Sequence[str], *figures: float) -> Row:
    symbols = {"l1": "L1", "perceptual": "Lp", "style": "Lstyle", "gan": "LGAN"}
    label = "{" + ", ".join(symbols[loss] for loss in losses) + "}"
    return _trained(name, label, losses, "SSIM MS-SSIM IS", *figures)


def _beyond(name: str, label: str, **changes: Any) -> Row:
    return Row(name, label, {"blocks": "full", **_losses("l1"), **changes}, {})


_PARTS: dict[str, dict[str, Any]] = {
    "+prior": {"surface_prior": 1},
    "+layers": {"blending": "layers"},
    "+palette": {"palette": 1},
    "+augmentation": {"augment": 1},
}
_TOGETHER = {key: value for part in _PARTS.values() for key, value in part.items()}
_SHIPPED = config.preset("layers")

_ALL = ("l1", "perceptual", "style", "gan")
_BODIES = ("densepose", "segmentation", "keypoints", "mask")
_MIXED = ("densepose-densepose", "keypoints-densepose", "densepose-keypoints", "keypoints-keypoints")

TABLES = {
    table.number: table
    for table in (
        Table(
            1,
            "three models against the state of the art",
            (
                _trained("best_structure", "Ours (best structure)", ["l1"], "SSIM IS DS", 0.796, 3.17, 0.971),
                _trained(
                    "highest_realism", "Ours (highest realism)", ["l1", "style"], "SSIM IS DS", 0.777, 3.67, 0.969
                ),
                _trained("balanced", "Ours (balanced)", _ALL, "SSIM IS DS", 0.785, 3.61, 0.971),
            ),
            (
                Ordering("SSIM", ("best_structure", "balanced", "highest_realism")),
                Ordering("IS", ("highest_realism", "balanced", "best_structure")),
            ),
            dataset="deepfashion",
            quoted={
                "Disentangled [42]": _figures("SSIM IS", 0.614, 3.29),
                "VariGAN [43]": _figures("SSIM IS", 0.620, 3.03),
                "G1+G2+D [4]": _figures("SSIM IS", 0.762, 3.09),
                "DSC [5]": _figures("SSIM IS DS", 0.761, 3.39, 0.966),
            },
        ),
        Table(
            3,
            "body representations that the predictive module is conditioned on",
            (
                _conditioned("mask", "Foreground mask", "mask", "mask", 0.747, 0.710, 3.04),
                _conditioned(
                    "segmentation", "Body part segmentation", "segmentation", "segmentation", 0.776, 0.791, 3.22
                ),
                _conditioned("keypoints", "Body keypoints", "keypoints", "keypoints", 0.762, 0.774, 3.09),
                _conditioned("densepose", "DensePose {I, U, V}", "densepose", "densepose", 0.792, 0.821, 3.09),
                _conditioned(
                    "densepose_onehot", "DensePose {one-hot I, U, V}", "densepose_onehot", "densepose_onehot",
                    0.782, 0.799, 3.32,
                ),
            ),
            (
                Ordering("SSIM", _BODIES, "text, Sec. 4.4, and figures"),
                Ordering("MS-SSIM", _BODIES),
                Ordering("SSIM", ("densepose", "densepose_onehot", "segmentation")),
                Ordering("MS-SSIM", ("densepose", "densepose_onehot", "segmentation")),
            ),
        ),
        Table(
            4,
            "what each block of the framework contributes",
            (
                _built("predictive", "predictive module only", 0.792, 0.821, 3.09),
                _built("refinement", "predictive + blending (=self-refinement)", 0.793, 0.821, 3.10),
                _built("warping", "predictive + warping + blending", 0.789, 0.814, 3.12),
                _built("full", "predictive + warping + inpainting + blending (full)", 0.796, 0.823, 3.17),
            ),
            (
                Ordering("SSIM", ("full", "warping", "predictive"), "text, Sec. 4.5; the figures say otherwise"),
                Ordering("SSIM", ("full", "refinement", "predictive", "warping")),
                Ordering("MS-SSIM", ("full", "predictive", "warping")),
                Ordering("IS", ("full", "warping", "refinement", "predictive")),
            ),
            textures="full",
        ),
        Table(
            5,
            "loss terms at the final stage of the training",
            (
                _supervised("l1", ["l1"], 0.796, 0.823, 3.17),
                _supervised("l1+p", ["l1", "perceptual"], 0.791, 0.822, 3.26),
                _supervised("l1+style", ["l1", "style"], 0.777, 0.815, 3.67),
                _supervised("l1+p+style", ["l1", "perceptual", "style"], 0.784, 0.820, 3.41),
                _supervised("l1+gan", ["l1", "gan"], 0.771, 0.807, 3.39),
                _supervised("l1+p+gan", ["l1", "perceptual", "gan"], 0.789, 0.820, 3.33),
                _supervised("l1+style+gan", ["l1", "style", "gan"], 0.787, 0.820, 3.32),
                _supervised("all", _ALL, 0.785, 0.807, 3.61),
            ),
            (
                Ordering("SSIM", ("l1+p", "l1+style", "l1+gan"), "text, Sec. 4.6, and figures"),
                Ordering("SSIM", ("l1", "all", "l1+style"), "caption and figures"),
                Ordering("MS-SSIM", ("l1", "l1+p", "l1+style", "l1+gan")),
                Ordering("IS", ("l1+style", "all", "l1"), "caption and figures"),
            ),
        ),
        Table(
            7,
            "different conditionings of source and target, predictive module",
            (
                _conditioned(_MIXED[3], "Keypoints -> Keypoints", "keypoints", "keypoints", 0.762, 0.774, 3.09),
                _conditioned(_MIXED[1], "Keypoints -> DensePose", "keypoints", "densepose", 0.779, 0.796, 3.10),
                _conditioned(_MIXED[2], "DensePose -> Keypoints", "densepose", "keypoints", 0.771, 0.781, 3.12),
                _conditioned(_MIXED[0], "DensePose -> DensePose", "densepose", "densepose", 0.792, 0.821, 3.09),
            ),
            (Ordering("SSIM", _MIXED), Ordering("MS-SSIM", _MIXED)),
        ),
        Table(
            8,
            "three models on multi-view images",
            (
                _trained("best_structure", "best structure", ["l1"]),
                _trained("highest_realism", "highest realism", ["l1", "style"]),
                _trained("balanced", "balanced", _ALL),
            ),
            (),
            paper_dataset="MVC",
            dataset="mvc",
            quoted={
                "cVAE [46]": _figures("SSIM IS", 0.66, 2.61),
                "cGAN [47]": _figures("SSIM IS", 0.69, 3.45),
                "VariGAN [43]": _figures("SSIM IS", 0.70, 3.69),
                "Ours (which of the three, the paper does not say)": _figures("SSIM IS MS-SSIM", 0.85, 3.74, 0.89),
                "Real data": _figures("SSIM IS MS-SSIM", 1.0, 5.47, 1.0),
            },
        ),
        Table(
            "beyond",
            "what goes beyond the paper, each alone and all together",
            (
                _beyond("paper", "the paper's full model"),
                _beyond("+prior", "+ surface prior", **_PARTS["+prior"]),
                _beyond("+layers", "+ layers for blending", **_PARTS["+layers"]),
                _beyond("+palette", "+ palette", **_PARTS["+palette"]),
                _beyond("+augmentation", "+ augmentation", **_PARTS["+augmentation"]),
                _beyond("all", "all four, L1 alone", **_TOGETHER),
                _beyond(
                    "all+losses", "all four, and the losses of the preset layers", **_TOGETHER,
                    **{key: getattr(_SHIPPED, key) for key in ("ssim_weight", "predicted_weight", "matte_weight")},
                ),
            ),
            tuple(
                Ordering(score, names, "expected")
                for score in ("SSIM", "L1")
                for names in (*(("all", part, "paper") for part in _PARTS), ("all+losses", "all"))
            ),
            paper_dataset="",
            textures="all",
        ),
    )
}  # fmt: skip
