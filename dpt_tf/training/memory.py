"""What the networks of some hyper-parameters take at least, told before anything is built.

The numbers are of the layers' sizes alone, a floor and no forecast: a step really takes two to five times as much. So
what is refused could never have been trained, and what is not may still be too large.

  weights     each is there with its gradient and Adam's two means: 16 bytes; 4 where nothing is trained
  activations what each convolution and the norm or ReLU behind it give, kept for the gradient: 4 bytes, or 2
"""

from collections.abc import Sequence

from dpt_tf import config
from dpt_tf.config import HParams
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.system import memory
from dpt_tf.system.errors import UserError

_WIDTHS = {
    "predictive": ("image_size", "width", "residuals"),
    "inpainting": ("atlas_size", "coder_width", "context_size"),
    "joint": ("image_size", "atlas_size", "width", "coder_width", "context_size", "blending_width"),
    "matting": ("image_size",),
    "pose": ("image_size", "fcn_width"),
}


def refuse(hparams: HParams, names: Sequence[str], workers: int = 1) -> None:
    """Refuses to train what this machine cannot hold, with the sizes that say how much it is.

    Raises:
      UserError: a stage of `names` would take more than there is; it names what to change.
    """
    for name in names:
        batch = -(-hparams.batch_size // workers)
        # What a GPU holds is not known yet; the batch, at least, is made in the machine's own memory.
        held = 12 * batch * hparams.image_size**2 if memory.has_gpu() else _trained(hparams, name, batch)
        _compare(held, hparams, name, ("batch_size",))


def refuse_weights(hparams: HParams, name: str) -> None:
    """Refuses to build what this machine cannot hold; `name` is the stage that trains the network.

    Raises:
      UserError: as `refuse`.
    """
    _compare(4 * weights(hparams, name), hparams, name)


def weights(hparams: HParams, name: str) -> int:
    """How many numbers the network that the stage `name` trains has at least; without those that are few."""
    w, c, b = hparams.width, hparams.coder_width, hparams.blending_width
    predictive = 9 * w * w * (18 + 32 * hparams.residuals)
    inpainting = _inpainting_weights(hparams, c) if hparams.inpaints() else 0
    if name == "joint":
        layered = hparams.blending == "layers"
        blending = 9 * b * b * (80 if layered else 2 * hparams.blending_residuals)
        return predictive + inpainting + (blending if hparams.blocks != "predictive" else 0)
    alone = {"predictive": predictive, "inpainting": inpainting, "matting": 900_000, "pose": 60 * hparams.fcn_width**2}
    return alone[name]


def _inpainting_weights(hparams: HParams, c: int) -> int:
    if hparams.surface_prior:
        planes = NUM_PARTS * (hparams.atlas_size // 4) ** 2 * c
        return planes + 2 * NUM_PARTS * 2 * c * hparams.context_size + 9 * c * c * 9
    codes = NUM_PARTS * (hparams.atlas_size // 16) ** 2 * 4 * c
    return codes * hparams.context_size + NUM_PARTS * 9 * c * c * 22


def _activations(hparams: HParams, name: str) -> int:
    """Numbers kept for each example of a step."""
    pixels, texels = hparams.image_size**2, NUM_PARTS * hparams.atlas_size**2
    predictive = int(pixels * hparams.width * (6.5 + hparams.residuals))
    coder = hparams.coder_width
    inpainting = (
        texels * 12 + int(texels * coder * (0.25 if hparams.surface_prior else 1.4)) if hparams.inpaints() else 0
    )
    blends = 2 if hparams.blending == "layers" else 2 + 4 * hparams.blending_residuals
    blending = pixels * hparams.blending_width * blends if hparams.blocks != "predictive" else 0
    each = {"predictive": predictive, "inpainting": inpainting, "joint": predictive + inpainting + blending}
    each["matting"] = 2 * 16 * 5 * pixels
    # The network of maps has its widest level at a sixteenth of the side, and 73 planes at half of it.
    return (each | {"pose": pixels * 73 // 4 // hparams.fcn_reduced**2 + pixels * hparams.fcn_width // 256})[name]


def _trained(hparams: HParams, name: str, batch: int) -> int:
    size = 2 if hparams.mixed_precision == "bfloat16" else 4
    return 16 * weights(hparams, name) + size * batch * _activations(hparams, name)


def _compare(held: int, hparams: HParams, name: str, more: Sequence[str] = ()) -> None:
    there = memory.installed()
    if there is None or held <= there:
        return
    sizes = ", ".join(f"{size}={getattr(hparams, size)}" for size in (*more, *_WIDTHS[name]))
    raise UserError(
        f"the {name} stage takes {held / 2**30:,.0f} GiB or more and this machine has {there / 2**30:,.0f}: "
        f"make one of these smaller: {sizes}"
    )


assert _WIDTHS.keys() == set(config.EVERY_STAGE)
