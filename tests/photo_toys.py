"""A run with a network that paints and one that finds maps, both small; people that the second one knows."""

import io

import keras
import numpy as np
from exporting import make_run
from people import striped, upright
from PIL import Image
from toy import TINY

from dpt_tf import config
from dpt_tf.export import warmup
from dpt_tf.images import framing
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.training import checkpoints, networks, trained

MAPS = config.preset("pose").replace(image_size=64, fcn_width=32)
TALL, WIDE = upright(61, 40), upright(48, 70)
SOURCE, TARGET = striped(TALL), striped(WIDE, 5)
NOBODY = np.full((50, 60, 3), (40, 60, 200), np.uint8)


def make_runs(folder, **changes):
    """`folder/run` paints, `folder/maps` finds people in stripes: of a network of noise the last layers are fitted."""
    make_run(folder / "run", TINY.replace(**changes))
    (folder / "maps").mkdir()
    MAPS.save(folder / "maps" / "hparams.json")
    keras.utils.set_random_seed(4)
    network = networks.fcn_of(MAPS)
    random = np.random.default_rng(0)
    network.set_weights([w + 0.1 * random.normal(size=w.shape) for w in network.get_weights()])
    _fit(network)
    checkpoints.save(trained.folder(folder / "maps", "pose"), 7, {"fcn": network.variables})


def _fit(network):
    """Parts, U and V by least squares from what the last convolution of a network of noise sees in such photos."""
    part, uv = (network.get_layer(name) for name in ("part", "uv"))
    size = MAPS.image_size
    maps = [upright(*shape)[:, ::step] for shape in ((61, 40), (48, 70), (64, 64), (40, 20)) for step in (1, -1)]
    photos = [striped(iuv, wide) for iuv, wide in zip(maps, (3, 4, 5, 6) * 2, strict=True)]
    figure = np.asarray(Image.open(io.BytesIO(warmup.figure())))
    drawn = np.where((figure == figure[0, 0]).all(-1, keepdims=True), 0, (2, 128, 128)).astype(np.uint8)
    maps, photos = [*maps, drawn, *[0 * maps[0]] * 3], [*photos, figure, *[NOBODY] * 3]
    x = np.stack([framing.square_photo(photo, size) for photo in photos]).astype(np.float32) / 127.5 - 1
    true = np.stack([framing.square_map(iuv, size)[::2, ::2] for iuv in maps]).reshape(-1, 3)
    seen = keras.Model(network.input, part.input)(x, training=False).numpy()
    channels = seen.shape[-1]
    around = np.pad(seen, [(0, 0), (1, 1), (1, 1), (0, 0)])
    half = size // 2
    columns = [
        around[:, i : i + half, j : j + half] for i in range(part.kernel_size[0]) for j in range(part.kernel_size[0])
    ]
    features = np.concatenate([*columns, np.ones_like(seen[..., :1])], -1).reshape(len(true), -1)
    logits = 24.0 * np.eye(NUM_PARTS + 1)[true[:, 0]] * np.array([0.58, *[1.0] * NUM_PARTS])
    on = np.eye(NUM_PARTS + 1)[true[:, 0]][:, 1:]
    wanted = np.concatenate([on * true[:, 1:2], on * true[:, 2:]], -1) / 255
    for layer, values in ((part, logits), (uv, wanted)):
        fitted = np.linalg.lstsq(features, values, rcond=1e-6)[0]
        kernel = fitted[:-1].reshape(*layer.kernel_size, channels, -1)
        layer.set_weights([kernel, fitted[-1]])
