"""How much: every number of a run, in one frozen record.

Flags say *where and which*; `HParams` says *how much*. The defaults are the paper's (Sec. 3 and 4.1, Table 6);
a preset changes some of them; `--hparams=key=value,...` changes single ones. A run writes them to `hparams.json`,
and whatever reads the run reads them from there.
"""

import dataclasses
import pathlib
from collections.abc import Container, Sequence
from typing import Any

from dpt_tf import bounds
from dpt_tf.system import atomic, files

STAGES = ("predictive", "inpainting", "joint")
MATTE_STAGE = "matting"  # trains what tells the person from the backdrop, of a generator with layers; may be left out
MAP_STAGE = "pose"  # trains the network that finds maps, and nothing that paints
EVERY_STAGE = (*STAGES, MATTE_STAGE, MAP_STAGE)
POSES = ("densepose", "densepose_onehot", "segmentation", "mask", "keypoints")
BLOCKS = ("predictive", "refinement", "warping", "full")
BLENDINGS = ("residual", "layers")
PRECISIONS = ("float32", "bfloat16")
LARGEST_SEED = bounds.LARGEST_SEED
# What decides on the shapes of a generator's weights. Not `image_size`: whatever looks at pictures is convolutional.
NETWORKS = (
    *("atlas_size", "source_pose", "target_pose", "blocks", "width", "residuals", "coder_width", "context_size"),
    *("blending_width", "blending_residuals", "palette", "surface_prior", "blending"),
)
NETWORKS_OF_MAPS = ("fcn_backbone", "fcn_width")  # the same of the network that finds maps


@dataclasses.dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyper-parameters of a run; sizes in pixels or texels, weights as in Sec. 4.1."""

    preset: str = "paper"

    # Geometry: images are S x S, the atlas is 24 x R x R (Sec. 3.2).
    image_size: int = 256
    atlas_size: int = 256

    # Conditioning of the predictive stream (Sec. 4.4, Appendix B).
    source_pose: str = "densepose"
    target_pose: str = "densepose"

    # Networks (Sec. 3.1-3.4, Table 6). `blocks`: the rows of Table 4, see `models.generator`.
    blocks: str = "full"
    width: int = 64
    residuals: int = 6
    coder_width: int = 32
    context_size: int = 256
    blending_width: int = 64
    blending_residuals: int = 3
    discriminator_width: int = 64

    # Beyond the paper, which has none of it.
    palette: int = 0  # 1: ways for colour and backdrop in the predictive stream, see `models.predictive`
    surface_prior: int = 0  # 1: each texel has a plausible colour before inpainting, see `models.inpainting`
    blending: str = "residual"  # layers: weights of predicted, warped and backdrop, see `models.layered`
    augment: int = 0  # 1: training pairs are varied, see `data.read.augment`

    # The network that finds maps (Sec. 4.1), see `models.fcn`, and the weights of its losses.
    fcn_backbone: str = "ResNet101"
    fcn_width: int = 256
    fcn_reduced: int = 1
    part_weight: float = 1.0
    coordinates_weight: float = 5.0
    person_weight: float = 1.0
    head_weight: float = 1.0
    facing_weight: float = 0.5

    # Losses of the joint stage (Sec. 4.1), and beyond the paper: SSIM, L1 of the prediction, the source's matte.
    l1_weight: float = 1.0
    perceptual_weight: float = 0.5
    style_weight: float = 5e5
    gan_weight: float = 0.1
    ssim_weight: float = 0.0
    predicted_weight: float = 0.0
    matte_weight: float = 0.0

    # Optimisation (Sec. 4.1). A stage lasts `epochs`, or its own number of steps where that is not 0.
    # Over the last `cooldown` of a stage the learning rate falls linearly to 0; the paper names an "initial" rate only.
    learning_rate: float = 2e-4
    cooldown: float = 0.0
    beta_1: float = 0.5
    beta_2: float = 0.999
    batch_size: int = 8
    epochs: int = 40
    predictive_steps: int = 0
    inpainting_steps: int = 0
    joint_steps: int = 0
    matting_steps: int = 0
    pose_steps: int = 0
    neighbours: int = 3
    mixed_precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses values that no run can use.

        Raises:
          ValueError: names the hyper-parameter, its value and what it may be.
        """
        for field in dataclasses.fields(self):
            assert isinstance(field.type, type)
            if fault := bounds.fault(field.name, field.type, getattr(self, field.name)):
                raise ValueError(fault)
        choices = {"source_pose": POSES, "target_pose": POSES, "blocks": BLOCKS}
        choices |= {"blending": BLENDINGS, "mixed_precision": PRECISIONS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it can be one of {', '.join(allowed)}")

        if self.blending == "layers" and self.blocks not in ("warping", "full"):
            raise ValueError(f"blending is 'layers' with blocks={self.blocks}; it takes blocks=warping or blocks=full")

    def replace(self, **changes: Any) -> "HParams":
        """The same hyper-parameters but for `changes`."""
        return dataclasses.replace(self, **changes)

    def inpaints(self) -> bool:
        """Whether the generator has an inpainting network."""
        return self.blocks == "full"

    def learns_coverage(self) -> bool:
        """Whether the joint stage is sometimes told who is the person in the source, beside what it finds itself."""
        return self.blending == "layers" and self.matte_weight > 0

    def stages(self) -> tuple[str, ...]:
        """Those of `STAGES` that train something of these blocks, in their order."""
        return tuple(stage for stage in STAGES if stage != "inpainting" or self.inpaints())

    def needed(self, names: Container[str]) -> list[str]:
        """Those of the stages `names` that train something of these blocks, in the order of `STAGES`.

        Raises:
          ValueError: none of them does.
        """
        wanted = [stage for stage in EVERY_STAGE if stage in names]
        alone = (MATTE_STAGE, MAP_STAGE) if self.blending == "layers" else (MAP_STAGE,)
        needed = [stage for stage in wanted if stage in (*self.stages(), *alone)]
        if wanted and not needed and MATTE_STAGE in wanted:
            raise ValueError(f"with blending={self.blending} there are no mattes to learn; they take blending=layers")
        if wanted and not needed:
            raise ValueError(
                f"with blocks={self.blocks} the {', '.join(wanted)} stage has nothing to train; "
                f"the stages of these blocks are {', '.join(self.stages())} (--stage=all for both)"
            )
        return needed

    def stage_steps(self, stage: str, steps_per_epoch: int) -> int:
        """How many optimiser steps `stage` lasts on a data set of `steps_per_epoch`.

        Raises:
          ValueError: more than a checkpoint's name has digits for.
        """
        steps = getattr(self, f"{stage}_steps") or self.epochs * steps_per_epoch
        if steps > bounds.MOST_STEPS:
            raise ValueError(
                f"epochs is {self.epochs}, of {steps_per_epoch} steps each; a stage lasts {bounds.MOST_STEPS} at most"
            )
        return steps

    def keypoints_needed(self) -> bool:
        """Whether a conditioning of these hyper-parameters reads keypoints."""
        return "keypoints" in (self.source_pose, self.target_pose)

    def save(self, path: pathlib.Path) -> None:
        """Writes them as JSON, whole or not at all."""
        atomic.write_json(path, dataclasses.asdict(self))


_LAYERS: dict[str, Any] = {
    "palette": 1,
    "surface_prior": 1,
    "blending": "layers",
    "augment": 1,
    "ssim_weight": 0.4,
    "predicted_weight": 0.5,
    "matte_weight": 0.5,
}
_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "layers": _LAYERS,
    "small": _LAYERS
    | {
        "image_size": 64,
        "atlas_size": 32,
        "width": 24,
        "residuals": 4,
        "coder_width": 16,
        "context_size": 64,
        "blending_width": 24,
        "discriminator_width": 32,
        "perceptual_weight": 0.0,
        "style_weight": 0.0,
        "gan_weight": 0.0,
        "learning_rate": 1e-3,
        "cooldown": 0.5,
    },
    "pose": {
        "image_size": 160,
        "augment": 1,
        "fcn_backbone": "small",
        "fcn_width": 192,
        "learning_rate": 1e-3,
        "cooldown": 0.5,
        "beta_1": 0.9,
        "batch_size": 16,
    },
}


def preset(name: str) -> HParams:
    """The hyper-parameters called `name`.

    They are `paper`; `layers`, which goes beyond it; `small`, `layers` on two cores; and `pose`, of the stage of that
    name alone, which finds maps, on two cores.
    """
    if name not in _PRESETS:
        raise ValueError(f"no such preset: {name}; have {', '.join(sorted(_PRESETS))}")
    return HParams(preset=name, **_PRESETS[name])


def beginning_with(trained: HParams) -> HParams:
    """What a run that begins with trained weights takes if nobody says: their networks and losses, a short training.

    The numbers are for a person's own photos or video, where all is learnt already but the person, in minutes. Nothing
    is varied: that person and that backdrop are to be learnt by heart.
    """
    return trained.replace(
        augment=0,
        learning_rate=7e-4,
        cooldown=0.5,
        predictive_steps=1000,
        inpainting_steps=100,
        joint_steps=1100,
        mixed_precision="float32",
        seed=0,
    )


def unlike(hparams: HParams, trained: HParams, names: Sequence[str] = NETWORKS) -> str:
    """Which of `names` two networks differ in, as a sentence; empty where weights of one fit the other."""
    values = ((name, getattr(trained, name), getattr(hparams, name)) for name in names)
    return ", ".join(f"{name} is {there} there and {here} here" for name, there, here in values if there != here)


def override(hparams: HParams, text: str) -> HParams:
    """Applies `key=value,key=value` to `hparams`, each value cast to its field's type.

    Raises:
      ValueError: an unknown key (the known ones are listed), a value of the wrong type, a part without `=`, a key
        twice.
    """
    types = {field.name: field.type for field in dataclasses.fields(HParams) if field.name != "preset"}
    changes: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"--hparams wants key=value, got {bounds.shown(part)}")
        if key not in types:
            raise ValueError(f"no such hyper-parameter: {key}; have {', '.join(sorted(types))}")
        if key in changes:
            raise ValueError(f"hyper-parameter {key} is given twice; give it once")
        kind = types[key]
        assert isinstance(kind, type)
        try:
            changes[key] = kind(value)
        except ValueError:
            wants = f"hyper-parameter {key} wants {kind.__name__}, got {bounds.shown(value)}"
            raise ValueError(wants) from None
    return hparams.replace(**changes)


def load(path: pathlib.Path) -> HParams:
    """Reads `hparams.json`.

    Raises:
      ValueError: the file is not one that `HParams.save` wrote; the message names it.
      FileNotFoundError: there is none.
    """
    try:
        return HParams(**files.read_facts(path))
    except (ValueError, TypeError) as error:
        # TypeError: a name of which there is no field.
        raise ValueError(
            f"{path} does not hold hyper-parameters of this version ({error}); put the file back as the run wrote it, "
            "or train the run anew"
        ) from None
