"""A toy run, good inputs for its export, and bad ones with what is to be said of them."""

import io

import numpy as np
from PIL import Image
from toy import TINY

from dpt_tf.training import checkpoints, networks, trained

SIZE, R = TINY.image_size, TINY.atlas_size


def make_run(folder, hparams=TINY):
    """A run whose joint stage has weights as they begin, but for blending, which begins near zero."""
    folder.mkdir(parents=True)
    hparams.save(folder / "hparams.json")
    model = networks.generator_of(hparams)
    last = model.get_layer("blending").get_layer("decode")
    last.set_weights([50 * weight for weight in last.get_weights()])
    checkpoints.save(trained.folder(folder, "joint"), 7, {"generator": model.variables})
    return folder


def make_inputs(batch=2, size=SIZE):
    """People of patches of parts, no two alike."""
    rng = np.random.default_rng(0)
    part = rng.integers(1, 25, (2, batch, size // 8, size // 8)).repeat(8, 2).repeat(8, 3)
    uv = np.broadcast_to(np.linspace(0, 200, size), (2, batch, size, size))
    maps = np.stack([part, uv, uv.swapaxes(2, 3)], -1).astype(np.uint8)
    maps[:, :, : size // 8] = 0
    photos = rng.integers(0, 256, (batch, size, size, 3)).astype(np.uint8)
    return {"source": photos.astype(np.float32) / 127.5 - 1, "source_iuv": maps[0], "target_iuv": maps[1]}


def encoded(picture, form="PNG", **options):
    """A picture's file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **options)
    return buffer.getvalue()


def strings(*files):
    return np.array([*files, None], object)[:-1]


def make_files(inputs):
    """The same as files, maps in both orders of channels."""
    photos = ((inputs["source"] + 1) * 127.5).round().astype(np.uint8)
    return {
        "source_bytes": strings(*map(encoded, photos)),
        "source_iuv_bytes": strings(*map(encoded, inputs["source_iuv"])),
        "target_iuv_bytes": strings(*(encoded(np.ascontiguousarray(one[..., ::-1])) for one in inputs["target_iuv"])),
    }


def shifted(iuv):
    """A map with a part that no body has."""
    wrong = iuv.copy()
    wrong[-1, 20, 20, 0] = 25
    return wrong


def two_people():
    """A map of two."""
    both = np.zeros((SIZE, SIZE, 3), np.uint8)
    both[4:28, 2:12] = both[4:28, 20:30] = (1, 40, 80)
    return encoded(both)


def noise():
    """A map that smooth resizing has ruined."""
    return encoded(np.random.default_rng(0).integers(0, 25, (SIZE, SIZE, 3)).astype(np.uint8))


X = make_inputs()
FILES = make_files(X)
PHOTO, MAP = FILES["source_bytes"][0], FILES["source_iuv_bytes"][0]
UNWRAPPED = {
    "texture": np.zeros((2, 24, R, R, 3), np.float32),
    "observed": np.zeros((2, 24, R, R, 1), np.uint8),
}
GREY = np.full((SIZE, SIZE, 3), 200, np.uint8)

# Signature, what of good inputs is changed, what is said of it.
REFUSED = {
    "size": ("tensors", {"source": X["source"][:, :16]}, "source is [2, 16, 32, 3]; it should be [batch, 32, 32, 3]"),
    "size of all": ("tensors", {k: v[:, :16, :16] for k, v in X.items()}, "is [2, 16, 16, 3]; it should be [batch"),
    "rank": ("tensors", {"source_iuv": X["source_iuv"][0]}, "source_iuv is [32, 32, 3]; it should be [batch, 32"),
    "empty": ("tensors", {k: v[:0] for k, v in X.items()}, "is [0, 32, 32, 3]; it should be [batch, 32, 32, 3], batch"),
    "batch": (
        "tensors",
        {"target_iuv": X["target_iuv"][:1]},
        "target_iuv has a batch of 1 and source of 2; give as many",
    ),
    "range": ("tensors", {"source": X["source"] * 127.5}, "source[0] holds values as large as 127.5; it should lie in"),
    "nan": ("texture", {"source": X["source"] * np.float32("nan")}, "source[0] holds values as large as nan"),
    "part": (
        "tensors",
        {"target_iuv": shifted(X["target_iuv"])},
        "target_iuv[1] has part 25; its channels should be I",
    ),
    "nobody": ("texture", {"source_iuv": 0 * X["source_iuv"]}, "source_iuv[0] shows no person: I is 0 everywhere"),
    "texture": ("render", {"texture": UNWRAPPED["texture"][:, :, :16]}, "texture is [2, 24, 16, 32, 3]; it should be"),
    "observed": ("render", {"observed": UNWRAPPED["observed"] + 255}, "observed[0] holds 255; it should be 0 or 1"),
    "render's part": ("render", {"target_iuv": shifted(X["target_iuv"])}, "target_iuv[1] has part 25"),
    "files": ("serving_default", {"source_bytes": FILES["source_bytes"][:1]}, "has a batch of 2 and source_bytes of 1"),
    "text": (
        "serving_default",
        {"source_bytes": strings(PHOTO, b"hello")},
        "source_bytes[1] is neither a PNG nor a JPEG",
    ),
    "photo's size": (
        "serving_default",
        {"source_bytes": strings(encoded(GREY[:20]), PHOTO)},
        "source_bytes[0] is 32 x 20 pixels; it should be 32 x 32",
    ),
    "JPEG's size": (
        "serving_default",
        {"source_bytes": strings(encoded(GREY[:, :20], "JPEG"), PHOTO)},
        "source_bytes[0] is 20 x 32 pixels; it should be 32 x 32",
    ),
    "cut short": ("serving_default", {"source_iuv_bytes": strings(MAP, MAP[:-20])}, "source_iuv_bytes[1] is a PNG cut"),
    "damaged": ("serving_default", {"source_iuv_bytes": strings(MAP, MAP[:60] + b"?" + MAP[61:])}, "source_iuv_bytes"),
    "JPEG as map": (
        "serving_default",
        {"target_iuv_bytes": strings(encoded(GREY, "JPEG"), MAP)},
        "target_iuv_bytes[0] is not a PNG",
    ),
    "one channel": ("serving_default", {"target_iuv_bytes": strings(encoded(GREY[..., 0]), MAP)}, "has one channel"),
    "photo as map": (
        "serving_default",
        {"target_iuv_bytes": strings(PHOTO, MAP)},
        "in an order of channels that cannot",
    ),
    "grey": ("serving_default", {"target_iuv_bytes": strings(encoded(GREY // 10), MAP)}, "is a grey picture"),
    "black": ("serving_default", {"target_iuv_bytes": strings(encoded(0 * GREY), MAP)}, "[0] shows no person"),
    "ruined": (
        "serving_default",
        {"target_iuv_bytes": strings(MAP, noise())},
        "target_iuv_bytes[1] is a colour picture",
    ),
    "two people": (
        "serving_default",
        {"target_iuv_bytes": strings(MAP, two_people())},
        "[1] shows 2 people; it should",
    ),
}
GOOD = {
    "tensors": X,
    "texture": {name: X[name] for name in ("source", "source_iuv")},
    "render": X | UNWRAPPED,
    "serving_default": FILES,
}
