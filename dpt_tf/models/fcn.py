"""A fully convolutional DensePose network (Sec. 4.1): a crop of a person in, scores of the parts and U, V of each out.

  photo `[B, S, S, 3]` in [-1, 1], S a multiple of 16, or of 32 for others' backbones
  part `[B, S/2, S/2, 25]`: logits, background first
  uv `[B, S/2, S/2, 48]`: U of the 24 parts and then V of them, about 0..1
  person `[B, S/2, S/2, 1]`: logit of the whole person, hair and cloth beside the body too
  head `[B, S/4, S/4, 1]`: logit of the head
  facing `[B, 1]`: logit of the share of the trunk that is seen from the front

A pixel of an output stands for 2 x 2 of the photo (4 x 4 in `head`), whose corner they share is its centre.

An encoder halves the picture (our own four times, any of `keras.applications` five times), a decoder goes up again to
half size and takes in what the encoder saw there. Whether a patch of cloth is of somebody's front or back, and so which
leg is the left one, is told by the head more than by all else, and a head is small: so the network first finds it,
looks at it again, enlarged (`layers.Glimpse`), and tells every place of the decoder what it saw.

Note: the paper gives no more than "a ResNet-101 FCN" trained on person crops; the decoder, the glimpse, `person`,
`head` and `facing` are ours. Without the glimpse a network learns outline and limbs in a thousand steps, but not which
side it sees.
"""

import keras

from dpt_tf import layers
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.layers import Conv2D
from dpt_tf.models import blocks

SMALL = "small"
GLIMPSE = 32
_LEVELS, _LEVELS_OF_OTHERS = 4, 5  # times that an encoder halves a picture: ours, and one of `keras.applications`


def build(image_size=256, backbone="ResNet101", width=256, weights=None, reduced=1):
    """The network.

    Args:
      image_size: S.
      backbone: a name in `keras.applications` (the paper's: ResNet101), or "small", which is ours.
      width: channels of the deepest level of the decoder, and of the small encoder; it halves with each level up.
      weights: of a backbone of `keras.applications`, as that takes them: None, "imagenet" or a file.

      reduced: the body is looked at in a photo reduced so many times, and the outputs are smaller by as much; the head
        is looked at in the photo itself. Training may begin so, at a fraction of the cost, and go on without.

    Returns:
      Model from photo to a dict of the outputs above, float32.

    Raises:
      ValueError: there is no such backbone.
    """
    photo = keras.Input([image_size, image_size, 3], name="photo")
    body = keras.layers.AveragePooling2D(reduced, name="reduced")(photo) if reduced > 1 else photo
    levels = _small(body, width) if backbone == SMALL else _application(body, backbone, weights)
    x = conv(levels[-1], width, "deepest", size=1)  # [B, S/16, S/16, width]
    for i in range(3):
        x = look_round(x, f"look_{i}")
    x = keras.layers.LayerNormalization(name="looked", dtype="float32")(x)
    head = _where(levels, x, width)
    seen = _seen(layers.Glimpse(GLIMPSE, name="glimpse")(photo, head), width)  # [B, width]
    last = len(levels) - 1
    for i in reversed(range(last)):  # to S/8, S/4, S/2
        filters = max(32, width >> (last - i))
        x = layers.Enlarge(name=f"up_{i}_enlarge")(conv(x, filters, f"up_{i}_less", size=1))
        x = keras.layers.Concatenate(name=f"up_{i}_skip")([x, conv(levels[i], filters, f"up_{i}_side", size=1)])
        x = conv(x, filters, f"up_{i}_1")
        told = keras.layers.Dense(filters, name=f"up_{i}_told")(seen)
        x = keras.layers.Add(name=f"up_{i}_knows")([x, keras.layers.Reshape([1, 1, filters])(told)])
        x = conv(x, filters, f"up_{i}_2")
    outputs = {
        "part": blocks.last(x, NUM_PARTS + 1, "part"),
        "uv": blocks.last(x, 2 * NUM_PARTS, "uv"),
        "person": blocks.last(x, 1, "person"),
        "head": head,
        "facing": keras.layers.Dense(1, name="facing", dtype="float32")(seen),
    }
    return keras.Model(photo, outputs, name="fcn")


def _where(levels, deepest, width):
    """Where the head is, from what is at S/4 and, enlarged, deepest: logits `[B, S/4, S/4, 1]`."""
    x = conv(deepest, width // 4, "where_deepest", size=1)
    for i in range(2, len(levels)):
        x = layers.Enlarge(name=f"where_enlarge_{i}")(x)
    x = keras.layers.Concatenate(name="where_skip")([x, conv(levels[1], width // 4, "where_side", size=1)])
    return blocks.last(conv(x, width // 4, "where"), 1, "head")


def _seen(glimpse, width):
    """What a glimpse shows: `[B, 32, 32, 3] -> [B, width]`."""
    x = glimpse
    for i in range(3):
        x = conv(x, 32 << i, f"glimpse_{i}_1", strides=2)
        x = conv(x, 32 << i, f"glimpse_{i}_2")
    x = keras.layers.Flatten(name="glimpse_flat")(x)
    return keras.layers.Dense(width, "relu", name="glimpse_seen")(x)


def conv(x, filters, name, size=3, strides=1):
    """Convolution, batch norm, ReLU."""
    x = Conv2D(filters, size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=name)(x)
    x = layers.BatchNorm(name=f"{name}_norm")(x)
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)


def look_round(x, name, heads=4):
    """Attention of all places to all, then an MLP at each, both added (Vaswani et al., 2017): `[B, H, W, C]`, alike."""
    y = keras.layers.LayerNormalization(name=f"{name}_norm_1", dtype="float32")(x)
    channels = x.shape[-1]
    flat = keras.layers.Reshape([-1, channels], name=f"{name}_places")(y)
    flat = keras.layers.MultiHeadAttention(heads, channels // heads, name=f"{name}_attention")(flat, flat)
    x = keras.layers.Add(name=f"{name}_seen")([x, _AsPlaces(name=f"{name}_back")(flat, x)])
    y = keras.layers.LayerNormalization(name=f"{name}_norm_2", dtype="float32")(x)
    y = keras.layers.Dense(2 * channels, "gelu", name=f"{name}_wide")(y)
    return keras.layers.Add(name=f"{name}_told")([x, keras.layers.Dense(channels, name=f"{name}_narrow")(y)])


@keras.saving.register_keras_serializable("dpt_tf")
class _AsPlaces(keras.layers.Layer):
    """`[B, H W, C]` in the shape of `[B, H, W, C]`."""

    def call(self, flat, like):
        return keras.ops.reshape(flat, keras.ops.shape(like))


def _small(x, width):
    """Features at S/2, S/4, S/8, S/16: a residual block of two convolutions at each level from S/4 on."""
    levels = [conv(x, max(24, width >> 4), "stem", strides=2)]
    for i in range(1, _LEVELS):
        filters = max(32, width >> (_LEVELS - 1 - i))
        x = conv(levels[-1], filters, f"down_{i}", strides=2)
        for k in range(2):
            y = conv(x, filters, f"down_{i}_{k}_1")
            y = Conv2D(filters, 3, 1, "same", use_bias=False, kernel_initializer="he_normal", name=f"down_{i}_{k}_2")(y)
            y = layers.BatchNorm(gamma_initializer="zeros", name=f"down_{i}_{k}_norm")(y)
            x = keras.layers.Activation("relu", name=f"down_{i}_{k}")(
                keras.layers.Add(name=f"down_{i}_{k}_add")([x, y])
            )
        levels.append(x)
    return levels


def _application(photo, name, weights):
    """Features of a backbone at S/2 .. S/32: what it has last at each size, in photos as it was trained on."""
    build_it = getattr(keras.applications, name, None)
    if not callable(build_it):
        have = ", ".join(sorted(known for known in dir(keras.applications) if known[0].isupper()))
        raise ValueError(f"no such backbone: {name}; have {SMALL}, {have}")
    size = int(photo.shape[1])
    network = build_it(include_top=False, weights=weights, input_shape=(size, size, 3))
    last = {}
    for layer in network.layers:
        if len(getattr(layer.output, "shape", ())) == 4:
            last[layer.output.shape[1]] = layer.output
    wanted = [last[size >> (i + 1)] for i in range(_LEVELS_OF_OTHERS)]
    return keras.Model(network.input, wanted, name="backbone")(photo)
