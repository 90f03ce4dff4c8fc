"""A pose as input planes (Sec. 4.4, Appendix B).

  densepose          I/24, U/255, V/255                              3 planes
  densepose_onehot   one plane a part, then U/255, V/255            26
  segmentation       one plane a part; the background has none      24
  mask               1 on the person                                 1
  keypoints          one plane a joint: a blob, 1 at its pixel      18

Note:
  The paper counts 27 planes for image and segmentation, so it has 24 classes: the background is where all are 0.
  What it means by "one-hot I, U, V" it does not say; here I is one-hot and U, V stay as they are. How it draws a
  keypoint it does not say either; here as Siarohin et al. (CVPR 2018) do, with whom it compares itself.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS

JOINTS = 18
SIGMA = 6 / 256  # of a keypoint's blob, in sides of the picture


@keras.saving.register_keras_serializable("dpt_tf")
class Planes(keras.layers.Layer):
    """IUV uint8 `[B, H, W, 3]` as planes `[B, H, W, n]`, by the kind of `pose`."""

    def __init__(self, pose, **kwargs):
        super().__init__(**kwargs)
        self.pose = pose

    def call(self, iuv):
        part, uv = iuv[..., :1], tf.cast(iuv[..., 1:], self.compute_dtype) / 255
        onehot = tf.one_hot(tf.cast(part[..., 0], tf.int32) - 1, NUM_PARTS, dtype=self.compute_dtype)
        if self.pose == "densepose":
            return tf.concat([tf.cast(part, self.compute_dtype) / NUM_PARTS, uv], -1)
        if self.pose == "densepose_onehot":
            return tf.concat([onehot, uv], -1)
        if self.pose == "segmentation":
            return onehot
        if self.pose == "mask":
            return tf.cast(part > 0, self.compute_dtype)
        raise ValueError(f"no such pose of an IUV: {self.pose}")

    def get_config(self):
        return super().get_config() | {"pose": self.pose}


@keras.saving.register_keras_serializable("dpt_tf")
class KeypointPlanes(keras.layers.Layer):
    """Keypoints int32 `[B, 18, 2]` (y, x), whole numbers at the pixels' centres, as planes `[B, S, S, 18]`.

    A joint is exp(-d^2 / (2 sigma^2)) at d pixels from it, sigma = 6 S / 256; one outside, or at -1, leaves 0.
    """

    def __init__(self, image_size, **kwargs):
        super().__init__(**kwargs)
        self.image_size = image_size

    def call(self, keypoints):
        pixel = tf.range(self.image_size)[:, None, None]  # [S, 1, 1]
        distance = tf.cast(pixel - keypoints[:, None], tf.float32)  # [B, S, 18, 2]
        blob = tf.exp(-tf.square(distance) / (2 * (SIGMA * self.image_size) ** 2))
        there = tf.reduce_all((keypoints >= 0) & (keypoints < self.image_size), -1)[:, None]  # [B, 1, 18]
        y, x = blob[..., 0] * tf.cast(there, tf.float32), blob[..., 1]
        return tf.cast(y[:, :, None] * x[:, None], self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"image_size": self.image_size}


def inputs(image_size, source_pose, target_pose):
    """The named inputs of a network with these conditionings, as a dict of `keras.Input`."""
    images = {"source": "float32", "source_iuv": "uint8", "target_iuv": "uint8"}
    wanted = {name: keras.Input([image_size, image_size, 3], dtype=dtype, name=name) for name, dtype in images.items()}
    for which, pose in (("source", source_pose), ("target", target_pose)):
        if pose == "keypoints":
            name = f"{which}_keypoints"
            wanted[name] = keras.Input([JOINTS, 2], dtype="int32", name=name)
    return wanted


def planes(inputs, which, pose):
    """The planes of the `which` pose, `source` or `target`, out of a dict of inputs."""
    name = f"{which}_planes"
    if pose == "keypoints":
        return KeypointPlanes(inputs["source"].shape[1], name=name)(inputs[f"{which}_keypoints"])
    return Planes(pose, name=name)(inputs[f"{which}_iuv"])
