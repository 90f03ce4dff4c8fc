"""One step of each stage, as Sec. 3.4 and Appendix A write them.

    x      a network's inputs: dict source, source_iuv, target_iuv
    y      the target image [b, S, S, 3]; y_hat, what the generator makes of x
    z      what the discriminator sees besides: the source image and the target's pose
    T      a texture [b, 24, R, R, 3]; T_hat, what the inpainting makes of it

A step sees one replica's share b of a global batch, updates the weights once, and returns the loss terms: unweighted,
and such that their sum over the replicas is the mean over the global batch.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from dpt_tf import losses
from dpt_tf.config import HParams
from dpt_tf.ops import atlas

Step = Callable[[Any, Any], dict[str, tf.Tensor]]


def predictive(network: keras.Model, optimizer: Any, hparams: HParams) -> Step:
    """The predictive stream alone (Sec. 4.1): ||y - y_hat||_1."""

    def step(x, y):
        x, _ = _without_matte(x)
        with tf.GradientTape() as tape:
            y_hat = network(x, training=True)
            l1 = _mean(losses.l1(y, y_hat), hparams)
        _descend(optimizer, tape, l1, network)
        return {"l1": l1}

    return step


def inpainting(network: keras.Model, optimizer: Any, hparams: HParams) -> Step:
    """The inpainting autoencoder alone, Eq. 6: T_hat against what each neighbour view j observes of the surface.

    Args:
      network: texture -> texture; or that of `models.completion`, which leaves what the source shows as it is: then
        only what the source does not show counts.
      optimizer: updates its weights.
      hparams: atlas_size, batch_size.

    Returns:
      step(x, neighbours), neighbours a dict image [b, K, S, S, 3], iuv [b, K, S, S, 3].
    """

    def step(x, neighbours):
        texture, own = atlas.unwrap(x["source"], x["source_iuv"], hparams.atlas_size)
        views, observed = atlas.unwrap(_merge(neighbours["image"]), _merge(neighbours["iuv"]), hparams.atlas_size)
        views, observed = _split(views, hparams), _split(observed, hparams)
        if hparams.surface_prior:
            observed *= (1 - own)[:, None]
        with tf.GradientTape() as tape:
            if hparams.surface_prior:
                texture_hat = network({"texture": texture, "observed": own}, training=True)["texture"]
            else:
                texture_hat = network(texture, training=True)
            masked_l1 = _mean(losses.masked_l1(views, observed, texture_hat), hparams)
        _descend(optimizer, tape, masked_l1, network)
        return {"masked_l1": masked_l1}

    return step


def matting(network: keras.Model, optimizer: Any, hparams: HParams) -> Step:
    """The network of mattes alone, beyond the paper: cross entropy of both views' mattes where the data have them."""

    def step(x, y):
        x, alpha = _without_matte(x)
        views = {"source": tf.concat([x["source"], y], 0)}
        views["source_iuv"] = tf.concat([x["source_iuv"], x["target_iuv"]], 0)
        matte, has = (
            tf.concat([alpha[f"{side}_{what}"] for side in ("source", "target")], 0) for what in ("matte", "has_matte")
        )
        with tf.GradientTape() as tape:
            logit = network(views, training=True)["matte_logit"]
            cross_entropy = _mean(has * losses.matte(matte, logit) / 2, hparams)
        _descend(optimizer, tape, cross_entropy, network)
        return {"matte": cross_entropy}

    return step


def joint(
    generator: keras.Model,
    optimizer: Any,
    hparams: HParams,
    features: Any = None,
    discriminator: Any = None,
    discriminator_optimizer: Any = None,
) -> Step:
    """Everything end to end: lambda_1 L_1 + lambda_p L_p + lambda_style L_style + lambda_GAN L_GAN (Sec. 3.4, 4.1).

    Beyond the paper: 1 - SSIM, L_1 of what the predictive stream painted (a loss of the result alone leaves open who
    painted what of it), and the cross entropies of two mattes where the data have them: of the source's, and of the
    target's with what the layers leave to the person (a loss of colours alone says little of an outline before a
    backdrop of like colour, and gives up what hangs beside the body wherever it is not sure).

    A term whose weight is 0 is not computed. Generator and discriminator are updated at once, both by the gradients at
    the weights before the step; D(z, y_hat) is computed once and serves both halves of Eq. 4.

    Args:
      generator: x -> dict with `image`.
      optimizer: updates its weights.
      hparams: the four weights, batch_size.
      features: VGG19, image -> its five feature maps; may be None where L_p and L_style have weight 0.
      discriminator: dict source, target_iuv, image -> patch scores; may be None where L_GAN has weight 0.
      discriminator_optimizer: updates the discriminator's weights.

    Returns:
      step(x, y).
    """

    def step(x, y):
        terms = {}
        x, alpha = _without_matte(x)
        if hparams.perceptual_weight or hparams.style_weight:
            phi_y = features(y, training=False)
        with tf.GradientTape(persistent=True) as tape:
            outputs = generator(x, training=True)
            y_hat = outputs["image"]
            loss, of_layers = tf.zeros([]), None
            if hparams.l1_weight:
                terms["l1"] = _mean(losses.l1(y, y_hat), hparams)
                loss += hparams.l1_weight * terms["l1"]
            if hparams.ssim_weight:
                terms["ssim"] = _mean(losses.dissimilarity(y, y_hat), hparams)
                loss += hparams.ssim_weight * terms["ssim"]
            if hparams.predicted_weight:
                terms["predicted"] = _mean(losses.l1(y, outputs["predicted"]), hparams)
                loss += hparams.predicted_weight * terms["predicted"]
            if hparams.matte_weight and alpha:
                cross_entropy = losses.matte(alpha["source_matte"], outputs["matte_logit"])
                terms["matte"] = _mean(alpha["source_has_matte"] * cross_entropy, hparams)
                cross_entropy = losses.silhouette(alpha["target_matte"], outputs["layers"])
                terms["silhouette"] = _mean(alpha["target_has_matte"] * cross_entropy, hparams)
                loss += hparams.matte_weight * terms["matte"]
                # Teaches the network of layers alone: the others would tell it where the person is in colours that
                # nobody wears.
                of_layers = hparams.matte_weight * terms["silhouette"], generator.get_layer("blending")
            if hparams.perceptual_weight or hparams.style_weight:
                phi_y_hat = features(y_hat, training=False)
            if hparams.perceptual_weight:
                terms["perceptual"] = _mean(losses.perceptual(phi_y, phi_y_hat), hparams)
                loss += hparams.perceptual_weight * terms["perceptual"]
            if hparams.style_weight:
                terms["style"] = _mean(losses.style(phi_y, phi_y_hat), hparams)
                loss += hparams.style_weight * terms["style"]
            if hparams.gan_weight:
                z = {"source": x["source"], "target_iuv": x["target_iuv"]}
                with tf.GradientTape() as discriminator_tape:  # begun after y_hat, so it does not reach the generator
                    fake = discriminator({**z, "image": y_hat}, training=True)
                    real = discriminator({**z, "image": y}, training=True)
                    terms["discriminator"] = _mean(losses.discriminator(real, fake), hparams)
                terms["generator"] = _mean(losses.generator(fake), hparams)
                loss += hparams.gan_weight * terms["generator"]
        _descend(optimizer, tape, loss, generator, of_layers)
        if hparams.gan_weight:
            _descend(discriminator_optimizer, discriminator_tape, terms["discriminator"], discriminator)
        return terms

    return step


def pose(network: keras.Model, optimizer: Any, hparams: HParams) -> Step:
    """The network that finds maps: cross entropy of the parts, smooth L1 of U and V, and three terms beyond the paper.

    Args:
      network: photo -> dict part, uv, person, head, facing (`models.fcn`).
      optimizer: updates its weights.
      hparams: the five weights, batch_size.

    Returns:
      step(x, truth), truth a dict part, uv, person [b, S, S], has_person [b]; or of people of whom single points are
      known, part, uv, person and head [b, S, S], as `data.read.densepose` has them.

    Note:
      Of points alone, `person` is learnt where the mask and the box leave no doubt, and `head` from the mask. `facing`
      takes the points of the trunk for all of it: the share of those that are of its front.
    """

    def step(x, truth):
        with tf.GradientTape() as tape:
            found = network(x["photo"], training=True)
            part, each = truth["part"], {}
            if "head" in truth:
                each["part"] = losses.parts_at_points(part, found["part"])
                each["person"] = losses.covered(truth["person"], found["person"])
                each["head"] = losses.covered(truth["head"], found["head"])
            else:
                each["part"] = losses.parts(part, found["part"])
                each["person"] = truth["has_person"] * losses.person(truth["person"], found["person"])
                each["head"] = losses.head(part, found["head"])
            each["coordinates"] = losses.coordinates(part, truth["uv"], found["uv"])
            each["facing"] = losses.facing(part, found["facing"])
            terms = {name: _mean(each[name], hparams) for name in ("part", "coordinates", "person", "head", "facing")}
            loss = tf.add_n([getattr(hparams, f"{name}_weight") * term for name, term in terms.items()])
        _descend(optimizer, tape, loss, network)
        return terms

    return step


def _without_matte(x: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """A batch's inputs, and apart from them what no network reads: the two mattes, in 0..1, where data have them."""
    alpha = {name: tf.cast(value, tf.float32) for name, value in x.items() if name.endswith("_matte")}
    alpha |= {name: value / 255 for name, value in alpha.items() if not name.endswith("_has_matte")}
    return {name: value for name, value in x.items() if name not in alpha}, alpha


def _merge(x: tf.Tensor) -> tf.Tensor:
    """`[b, K, ...] -> [b K, ...]`."""
    return tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], 0))


def _split(x: tf.Tensor, hparams: HParams) -> tf.Tensor:
    """`[b K, ...] -> [b, K, ...]`."""
    return tf.reshape(x, tf.concat([[-1, hparams.neighbours], tf.shape(x)[1:]], 0))


def _mean(per_example: tf.Tensor, hparams: HParams) -> tf.Tensor:
    # Replicas add their gradients up, so each divides by the global batch.
    return tf.reduce_sum(per_example) / hparams.batch_size


def _descend(
    optimizer: Any,
    tape: tf.GradientTape,
    loss: tf.Tensor,
    network: keras.Model,
    of_part: tuple[tf.Tensor, keras.Model] | None = None,
) -> None:
    """Updates `network`; `of_part` is one more loss, which teaches that part of the network and nothing before it."""
    variables = network.trainable_variables
    gradients = tape.gradient(loss, variables)
    if of_part is not None:
        more, part = of_part
        place = {id(v): k for k, v in enumerate(variables)}
        for v, gradient in zip(part.trainable_variables, tape.gradient(more, part.trainable_variables), strict=True):
            k = place[id(v)]
            gradients[k] = gradient if gradients[k] is None else gradients[k] + gradient
    # What no term of the loss reaches (a matte that no example has) stays as it is.
    gradients = [tf.zeros(v.shape) if g is None else g for v, g in zip(variables, gradients, strict=True)]
    optimizer.apply(gradients, variables)
