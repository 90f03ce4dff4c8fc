"""The stages of training (Sec. 4.1): which networks each one trains, and whose weights it begins with.

predictive   the predictive stream
inpainting   the inpainting autoencoder of the warping stream
joint        the whole generator, with both of them as they were left, and blending and discriminator from scratch
matting      before the joint stage, or not at all: what tells person and backdrop apart, of a generator with layers,
             from many more people than the joint stage has time for
pose         the network that finds maps, by itself

A generator of fewer blocks (`HParams.blocks`) goes through the same stages but for one that trains nothing of it.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dpt_tf import config, models
from dpt_tf.config import HParams
from dpt_tf.ops import atlas, charts
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, networks, steps, summaries, trained
from dpt_tf.training.adam import Adam, Cooldown

MakeOptimizer = Callable[[], Any]


@dataclasses.dataclass
class Stage:
    """A stage ready to run.

    Attributes:
      name: one of `config.STAGES`.
      step: one replica's step; takes the two halves of a batch, gives the loss terms.
      variables: everything that a checkpoint has to hold.
      network: what the stage trains.
      optimizer: the network's.
      pictures: a batch -> uint8 `[n, H, W, 3]` by name, to look at.
      earlier: the variables that begin as an earlier stage left them, by that stage's name.
      discriminator: the network's opponent, where it has one.
    """

    name: str
    step: steps.Step
    variables: checkpoints.Variables
    network: Any
    optimizer: Any
    pictures: Callable[[Any, Any], dict[str, np.ndarray]]
    earlier: checkpoints.Variables = dataclasses.field(default_factory=dict)
    discriminator: Any = None


def build(
    name: str,
    hparams: HParams,
    vgg_weights: str = "imagenet",
    steps_in_all: int | None = None,
    optimizer: MakeOptimizer | None = None,
) -> Stage:
    """The stage called `name` with fresh weights, the same ones for the same seed. Call it in the strategy's scope.

    Args:
      name: one of `config.STAGES`.
      hparams: sizes, loss weights, seed.
      vgg_weights: as `models.vgg.build` takes them; read only where a loss looks at features.
      steps_in_all: how long the stage is, which a cooldown of the learning rate has to know; without it there is none.
      optimizer: makes one for each network that is trained; Adam as in Sec. 4.1 if None.
    """
    rate: Any = hparams.learning_rate
    if hparams.cooldown and steps_in_all:
        rate = Cooldown(hparams.learning_rate, hparams.cooldown, steps_in_all)
    optimizer = optimizer or (lambda: Adam(rate, hparams.beta_1, hparams.beta_2))
    keras.utils.set_random_seed(hparams.seed)
    with networks.precision(hparams.mixed_precision):
        if name == "joint":
            return _joint(hparams, vgg_weights, optimizer)
        alone = {"predictive": _predictive, "inpainting": _inpainting, "matting": _matting, "pose": _pose}
        return alone[name](hparams, optimizer)


def begin(stage: Stage, run_dir: pathlib.Path, say: Callable[[str], None] = print, has_weights: bool = False) -> None:
    """Gives a new stage the weights that earlier stages of the run left.

    Args:
      stage: as built.
      run_dir: the run.
      say: takes a line for the user.
      has_weights: whether it has trained weights already, so that earlier stages may be missing.

    Raises:
      UserError: an earlier stage has not been trained, and is not one that may be left out.
    """
    for name, variables in stage.earlier.items():
        path = checkpoints.latest(trained.folder(run_dir, name), say)
        if path is None and (has_weights or name == config.MATTE_STAGE):
            continue
        if path is None:
            raise UserError(
                f"{run_dir} has no trained {name} stage, and {stage.name} begins with its weights: "
                f"run the same command with --stage={name} first, or with --stage=all"
            )
        checkpoints.restore(path, {name: variables})
        say(f"{stage.name}: begins with {name} as of step {checkpoints.step_of(path)}")


def _predictive(hparams: HParams, make_optimizer: MakeOptimizer) -> Stage:
    network = models.predictive.build(
        hparams.image_size,
        hparams.width,
        hparams.residuals,
        hparams.source_pose,
        hparams.target_pose,
        bool(hparams.palette),
    )
    optimizer = _built(make_optimizer(), network)

    def pictures(x, y):
        x = {name: x[name] for name in network.input}
        return _pair(x, y) | {"predicted": summaries.photos(network(x))}

    variables = {"predictive": network.variables, "optimizer": optimizer.variables}
    return Stage("predictive", steps.predictive(network, optimizer, hparams), variables, network, optimizer, pictures)


def _inpainting(hparams: HParams, make_optimizer: MakeOptimizer) -> Stage:
    kind = models.completion if hparams.surface_prior else models.inpainting
    network = kind.build(hparams.atlas_size, hparams.coder_width, hparams.context_size)
    optimizer = _built(make_optimizer(), network)

    def pictures(x, neighbours):
        texture, observed = atlas.unwrap(x["source"], x["source_iuv"], hparams.atlas_size)
        if hparams.surface_prior:
            inpainted = network({"texture": texture, "observed": observed})["texture"]
        else:
            inpainted = network(texture)
        return {
            "source": summaries.photos(x["source"]),
            "neighbour": summaries.photos(neighbours["image"][:, 0]),
            "texture/before": summaries.textures(texture),
            "texture/inpainted": summaries.textures(inpainted),
        }

    variables = {"inpainting": network.variables, "optimizer": optimizer.variables}
    return Stage("inpainting", steps.inpainting(network, optimizer, hparams), variables, network, optimizer, pictures)


def _matting(hparams: HParams, make_optimizer: MakeOptimizer) -> Stage:
    network = models.matting.build(hparams.image_size)
    optimizer = _built(make_optimizer(), network)

    def pictures(x, y):
        found = network({name: x[name] for name in network.input})
        return {
            "source": summaries.photos(x["source"]),
            "truth": summaries.photos(tf.cast(x["source_matte"], tf.float32) / 127.5 - 1),
            "matte": summaries.photos(2 * found["matte"] - 1),
            "backdrop": summaries.photos(found["backdrop"]),
        }

    variables = {"matting": network.variables, "optimizer": optimizer.variables}
    return Stage("matting", steps.matting(network, optimizer, hparams), variables, network, optimizer, pictures)


def _joint(hparams: HParams, vgg_weights: str, make_optimizer: MakeOptimizer) -> Stage:
    network = networks.generator_of(hparams, hparams.learns_coverage())
    optimizer = _built(make_optimizer(), network)
    variables = {"generator": network.variables, "optimizer": optimizer.variables}
    features = models.vgg.build(vgg_weights, hparams.image_size) if looks_at_features(hparams) else None
    discriminator = discriminator_optimizer = None
    if hparams.gan_weight:
        discriminator = models.discriminator.build(hparams.image_size, hparams.discriminator_width)
        discriminator_optimizer = _built(make_optimizer(), discriminator)
        variables |= {
            "discriminator": discriminator.variables,
            "discriminator_optimizer": discriminator_optimizer.variables,
        }

    def pictures(x, y):
        x = {name: x[name] for name in network.input}
        outputs = network(x)
        texture, _ = atlas.unwrap(x["source"], x["source_iuv"], hparams.atlas_size)
        return _pair(x, y) | {
            "predicted": summaries.photos(outputs["predicted"]),
            "warped": summaries.photos(outputs["warped"]),
            **({"backdrop": summaries.photos(outputs["backdrop"])} if "backdrop" in outputs else {}),
            **({"layers": summaries.photos(2 * outputs["layers"] - 1)} if "layers" in outputs else {}),
            "result": summaries.photos(outputs["image"]),
            "texture/before": summaries.textures(texture),
            **({"texture/inpainted": summaries.textures(outputs["texture"])} if hparams.inpaints() else {}),
        }

    step = steps.joint(network, optimizer, hparams, features, discriminator, discriminator_optimizer)
    earlier = {"predictive": network.get_layer("predictive").variables}
    if hparams.inpaints():
        earlier["inpainting"] = network.get_layer("warping").get_layer("inpainting").variables
    if hparams.blending == "layers":
        earlier[config.MATTE_STAGE] = network.get_layer("matting").variables
    return Stage("joint", step, variables, network, optimizer, pictures, earlier, discriminator)


def _pose(hparams: HParams, make_optimizer: MakeOptimizer) -> Stage:
    network = networks.fcn_of(hparams)
    optimizer = _built(make_optimizer(), network)

    def pictures(x, truth):
        found = network(x["photo"], training=False)
        return {
            "photo": summaries.photos(x["photo"]),
            "truth": summaries.poses(summaries.truths(truth["part"], truth["uv"])),
            "found": summaries.poses(charts.iuv_of(found["part"], found["uv"])),
            "person": summaries.photos(2 * tf.sigmoid(found["person"]) - 1),
        }

    variables = {"fcn": network.variables, "optimizer": optimizer.variables}
    return Stage(config.MAP_STAGE, steps.pose(network, optimizer, hparams), variables, network, optimizer, pictures)


def looks_at_features(hparams: HParams) -> bool:
    """Whether a loss of the joint stage needs VGG19."""
    return bool(hparams.perceptual_weight or hparams.style_weight)


def _built(optimizer: Any, network: keras.Model) -> Any:
    optimizer.build(network.trainable_variables)
    return optimizer


def _pair(x: dict[str, Any], y: Any) -> dict[str, np.ndarray]:
    return {
        "source": summaries.photos(x["source"]),
        "pose": summaries.poses(x["target_iuv"]),
        "truth": summaries.photos(y),
    }
