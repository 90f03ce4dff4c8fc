"""Which of the published networks a set of weights is, and what tensors such a network has.

Names and shapes are the original's (Detectron2's DensePose), in torch's order: a convolution's weight is
`[O, I, h, w]`, a transposed one's `[I, O, h, w]`. They are the only truth about a file: nothing in it says what it is.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

BACKBONE, RPN, ROI = "backbone.bottom_up", "proposal_generator.rpn_head", "roi_heads"
HEAD, PREDICTOR = f"{ROI}.densepose_head", f"{ROI}.densepose_predictor"
NORM = ("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var")
OUTPUTS = {"ann_index_lowres": 2, "index_uv_lowres": 25, "u_lowres": 25, "v_lowres": 25}
"""The predictor's tensors with their channels: body or not; 24 parts and background; U and V in each of them."""
LEVELS = (2, 3, 4, 5)
RATIOS = 3
POOLED = 7

_PUBLISHED: dict[tuple[int, ...], str] = {(3, 4, 6, 3): "R_50", (3, 4, 23, 3): "R_101"}
_CONVS = 8

Shapes = dict[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A chart-based DensePose R-CNN.

    Attributes:
      blocks: residual blocks of each stage.
      deeplab: whether the head is DeepLab's (`DL`) or eight plain convolutions.
      stem: channels behind the first convolution; the stages have 4, 8, 16 and 32 times as many.
      pyramid: channels of every level of the feature pyramid, of the decoder and of the DeepLab head's branches.
      hidden: width of the box head's layers.
      head: channels of the head's eight convolutions.
    """

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    deeplab: bool = False
    stem: int = 64
    pyramid: int = 256
    hidden: int = 1024
    head: int = 512

    @property
    def name(self) -> str:
        """As configurations and files are called: `R_50_FPN`, `R_101_FPN_DL`."""
        depth = _PUBLISHED.get(self.blocks, "R_" + "-".join(map(str, self.blocks)))
        return f"{depth}_FPN{'_DL' if self.deeplab else ''}"

    def tensors(self) -> Shapes:
        """Every tensor that a file must have, with its shape."""
        made: Shapes = {}

        def conv(name: str, inputs: int, outputs: int, size: int, bias: bool = True) -> None:
            made[f"{name}.weight"] = outputs, inputs, size, size
            if bias:
                made[f"{name}.bias"] = (outputs,)

        def frozen(name: str, inputs: int, outputs: int, size: int) -> None:
            conv(name, inputs, outputs, size, bias=False)
            made.update({f"{name}.{part}": (outputs,) for part in NORM})

        frozen(f"{BACKBONE}.stem.conv1", 3, self.stem, 7)
        inputs = self.stem
        for level, count in zip(LEVELS, self.blocks, strict=True):
            narrow, wide = self.stem * 2 ** (level - 2), self.stem * 2**level
            for block in range(count):
                name = f"{BACKBONE}.res{level}.{block}"
                if block == 0:
                    frozen(f"{name}.shortcut", inputs, wide, 1)
                frozen(f"{name}.conv1", inputs, narrow, 1)
                frozen(f"{name}.conv2", narrow, narrow, 3)
                frozen(f"{name}.conv3", narrow, wide, 1)
                inputs = wide
            conv(f"backbone.fpn_lateral{level}", wide, self.pyramid, 1)
            conv(f"backbone.fpn_output{level}", self.pyramid, self.pyramid, 3)
        conv(f"{RPN}.conv", self.pyramid, self.pyramid, 3)
        conv(f"{RPN}.objectness_logits", self.pyramid, RATIOS, 1)
        conv(f"{RPN}.anchor_deltas", self.pyramid, 4 * RATIOS, 1)
        made.update(self._box_head())
        for level in LEVELS:
            for step in range(steps(level)):
                conv(f"{ROI}.decoder.p{level}.{2 * step}", self.pyramid, self.pyramid, 3)
        conv(f"{ROI}.decoder.predictor", self.pyramid, self.pyramid, 1)
        if self.deeplab:
            for branch, size in enumerate((1, 3, 3, 3, 1)):
                name = f"{HEAD}.ASPP.convs.{branch}"
                first = 1 if branch == 4 else 0  # its 0 is the pooling
                conv(f"{name}.{first}", self.pyramid, self.pyramid, size, bias=False)
                made.update({f"{name}.{first + 1}.{part}": (self.pyramid,) for part in ("weight", "bias")})
            conv(f"{HEAD}.ASPP.project.0", 5 * self.pyramid, self.pyramid, 1, bias=False)
        for number in range(_CONVS):
            name = f"{HEAD}.body_conv_fcn{number + 1}"
            conv(name, self.head if number else self.pyramid, self.head, 3, bias=not self.deeplab)
            if self.deeplab:
                made.update({f"{name}.{part}": (self.head,) for part in NORM[:2]})
        for output, channels in OUTPUTS.items():
            made[f"{PREDICTOR}.{output}.weight"] = self.head, channels, 4, 4
            made[f"{PREDICTOR}.{output}.bias"] = (channels,)
        return made

    def _box_head(self) -> Shapes:
        sizes = {
            "box_head.fc1": (self.hidden, self.pyramid * POOLED**2),
            "box_head.fc2": (self.hidden, self.hidden),
            "box_predictor.cls_score": (2, self.hidden),
            "box_predictor.bbox_pred": (4, self.hidden),
        }
        weights: Shapes = {f"{ROI}.{name}.weight": shape for name, shape in sizes.items()}
        return weights | {f"{ROI}.{name}.bias": shape[:1] for name, shape in sizes.items()}


def steps(level: int) -> int:
    """How many convolutions the decoder has for a level of the pyramid, each but p2's followed by a doubling."""
    return max(1, level - 2)


def of(shapes: Mapping[str, tuple[int, ...]]) -> Architecture:
    """The architecture that fits a file's tensors best; whether it fits is to be asked of its `tensors`.

    The depth follows from the names. Widths are the published ones, unless those that the file's own tensors tell fit
    better.
    """
    counts = [
        max(
            (
                int(found[1]) + 1
                for name in shapes
                if (found := re.match(rf"{BACKBONE}\.res{level}\.(\d{{1,3}})\.", name))
            ),
            default=1,
        )
        for level in LEVELS
    ]
    deeplab = any(name.startswith(f"{HEAD}.ASPP.") for name in shapes)
    published = Architecture(tuple(counts), deeplab)
    deciding = {
        "stem": f"{BACKBONE}.stem.conv1.weight",
        "pyramid": "backbone.fpn_output2.weight",
        "hidden": f"{ROI}.box_head.fc2.weight",
        "head": f"{HEAD}.body_conv_fcn2.weight",
    }
    widths: dict[str, Any] = {field: shapes[name][0] for field, name in deciding.items() if shapes.get(name)}
    told = dataclasses.replace(published, **widths)
    return min(published, told, key=lambda one: misfits(one, shapes))


def misfits(architecture: Architecture, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many of its tensors a file has in another shape or not at all."""
    return sum(shapes.get(name) != shape for name, shape in architecture.tensors().items())
