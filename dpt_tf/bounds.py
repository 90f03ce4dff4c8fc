"""What each hyper-parameter may be, on any machine: its type, the least and the most of it.

The most is either where something else breaks (a checkpoint's name has eight digits for its step) or far beyond what
any machine trains; what this one can hold is `training.memory`'s to say.
"""

from typing import Any

MOST_STEPS = 99_999_999  # `checkpoints.path_of` has eight digits, and their order is that of their names
LARGEST_SEED = 2**32 - 1  # of NumPy
MOST_LETTERS = 64

_SWITCH, _WEIGHT = (0, 1), (0.0, 1e12)
_BETWEEN: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("image_size", "atlas_size"), (32, 4096)),
    **dict.fromkeys(("width", "coder_width", "blending_width", "discriminator_width"), (1, 4096)),
    "fcn_width": (4, 4096),
    "context_size": (1, 1 << 20),
    **dict.fromkeys(("residuals", "blending_residuals"), (0, 1000)),
    **dict.fromkeys(("palette", "surface_prior", "augment"), _SWITCH),
    "fcn_reduced": (1, 16),
    **dict.fromkeys(("l1_weight", "perceptual_weight", "style_weight", "gan_weight", "ssim_weight"), _WEIGHT),
    **dict.fromkeys(("predicted_weight", "matte_weight", "coordinates_weight", "person_weight"), _WEIGHT),
    **dict.fromkeys(("head_weight", "facing_weight"), _WEIGHT),
    "part_weight": (1e-12, 1e12),
    "learning_rate": (1e-12, 10.0),
    "cooldown": (0.0, 1.0),
    **dict.fromkeys(("beta_1", "beta_2"), (0.0, 1 - 1e-7)),  # below 1 as a float32, too
    "batch_size": (1, 1 << 20),
    "epochs": (1, MOST_STEPS),
    **dict.fromkeys(
        [f"{stage}_steps" for stage in ("predictive", "inpainting", "joint", "matting", "pose")], (0, MOST_STEPS)
    ),
    "neighbours": (1, 1000),
    "seed": (0, LARGEST_SEED),
}
_WHOLE_SIXTEENTHS = ("image_size", "atlas_size")
_TYPES = {int: "a whole number", float: "a number", str: "a word"}


def fault(name: str, kind: type, value: Any) -> str | None:
    """Why the hyper-parameter `name`, of type `kind`, cannot be `value`, as a sentence; None where it can."""
    # A whole number is a number, too; True is neither.
    if type(value) is not kind and (kind, type(value)) != (float, int):
        return f"{name} is {shown(value)}; it must be {_TYPES[kind]}"
    if isinstance(value, str):
        return (
            None
            if len(value) <= MOST_LETTERS
            else f"{name} is {shown(value)}; it must be {MOST_LETTERS} letters long at most"
        )
    least, most = _BETWEEN[name]
    if least <= value <= most and not (name in _WHOLE_SIXTEENTHS and value % 16):  # which NaN is not
        return None
    wanted = f"{_TYPES[kind]} from {least:.8g} to {_most(name, most)}"
    wanted += ", a multiple of 16" if name in _WHOLE_SIXTEENTHS else ""
    return f"{name} is {shown(value)}; it must be {wanted}"


def _most(name: str, most: float) -> str:
    return "below 1" if name.startswith("beta_") else f"{most:.10g}"


def shown(value: Any) -> str:
    """A value in a line: forty letters of it at most."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes, a list in itself
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:36]}..."
