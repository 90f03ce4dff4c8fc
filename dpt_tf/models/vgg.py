"""VGG19 (Simonyan & Zisserman, 2015) as a fixed feature extractor for the perceptual and the style loss (Sec. 3.4).

The five layers are those of Chen & Koltun (2017): conv1_2, conv2_2, conv3_2, conv4_2, conv5_2, after their ReLU.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import pathlib

import h5py
import keras
import tensorflow as tf

from dpt_tf.layers import Conv2D
from dpt_tf.system.errors import UserError

_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 2))


@keras.saving.register_keras_serializable("dpt_tf")
class CaffeInput(keras.layers.Layer):
    """RGB in [-1, 1] to what VGG was trained on: BGR in 0..255 less the mean of ImageNet."""

    def call(self, image):
        return (tf.reverse(image, [-1]) + 1) * 127.5 - tf.constant([103.939, 116.779, 123.68], image.dtype)


def build(weights="imagenet", image_size=None):
    """VGG19 up to conv5_2, frozen, float32 whatever the policy; one forward pass gives all five features.

    Args:
      weights: `imagenet` (Keras downloads them once), `random` (the same ones every time, for tests and speed), or the
        path of a weight file of `keras.applications.VGG19`, with or without its top.
      image_size: S, or None for images of any size.

    Returns:
      Model from image `[B, S, S, 3]` in [-1, 1] to the list of five feature maps, float32.

    Raises:
      UserError: the weights cannot be downloaded or read.
    """
    image = keras.Input([image_size, image_size, 3], name="image")
    x = CaffeInput(dtype="float32", name="caffe_input")(image)
    features = []
    for b, (filters, convolutions) in enumerate(_BLOCKS):
        if b > 0:
            x = keras.layers.MaxPooling2D(dtype="float32", name=f"block{b}_pool")(x)
        for c in range(convolutions):
            initializer = keras.initializers.HeNormal(seed=10 * b + c)
            name = f"block{b + 1}_conv{c + 1}"
            options = {"activation": "relu", "kernel_initializer": initializer, "dtype": "float32", "name": name}
            x = Conv2D(filters, 3, padding="same", **options)(x)
            if c == 1:
                features.append(x)
    model = keras.Model(image, features, name="vgg")
    if weights != "random":
        trained = _trained(weights)
        for layer in model.layers:
            if isinstance(layer, Conv2D):
                layer.set_weights(trained.get_layer(layer.name).get_weights())
    model.trainable = False
    return model


def _trained(weights):
    """`keras.applications.VGG19` with these weights."""
    remedy = f"pass the path of {_FILE} as --vgg=PATH, or say --vgg=random to go on without trained features"
    if weights == "imagenet":
        try:
            return keras.applications.VGG19(include_top=False, weights="imagenet")
        except Exception as error:  # Keras raises a bare Exception when it cannot reach the file.
            raise UserError(f"the VGG19 weights could not be downloaded ({error}); {remedy}") from error
    if not pathlib.Path(weights).is_file():
        raise UserError(f"no VGG19 weights at {weights}; {remedy}")
    for include_top in (False, True) if h5py.is_hdf5(weights) else ():
        try:
            return keras.applications.VGG19(include_top=include_top, weights=str(weights))
        except (ValueError, OSError, KeyError):
            continue
    raise UserError(f"{weights} does not hold weights of keras.applications.VGG19; {remedy}")
