"""Which scores an evaluation computes, by protocol and by the networks it was given."""

import dataclasses
from collections.abc import Callable, Iterable

from dpt_tf.errors import UserError
from dpt_tf.metrics import SSIM_PROTOCOLS, Scores, detection, fid, inception, lpips, networks

PROTOCOLS = {"dsc": ("dsc",), "patn": ("dsc@padded",), "all": SSIM_PROTOCOLS}
_MS_SSIM_SIZE = 176  # five scales with an 11 x 11 window at the smallest
_FULL_SIZE = 256  # what crops of 176 columns are made from
_LARGEST_WINDOW = 51


@dataclasses.dataclass(frozen=True)
class Networks:
    """Handles of TF-Hub, folders of SavedModels, or `keras`; None where a network is not given."""

    inception: str | None = None
    detector: str | None = None
    detector_classes: str = "coco"
    lpips: str | None = None


def of(protocol: str, size: int, pairs: int, given: Networks) -> tuple[Callable[[], Scores], dict[str, str]]:
    """What makes the scores of one row of pictures, and the networks behind them: `{score: which}`.

    Args:
      protocol: one of `PROTOCOLS`, or SSIM protocols of `metrics.SSIM_PROTOCOLS` joined by `+`.
      size: of the pictures, in pixels.
      pairs: how many there will be.
      given: the networks.

    Raises:
      UserError: no such protocol, or one that is not for pictures of this size; a network that cannot be had.
    """
    ssims = PROTOCOLS.get(protocol) or tuple(protocol.split("+"))
    unknown = [name for name in ssims if name not in SSIM_PROTOCOLS]
    if unknown:
        raise UserError(
            f"--protocol={protocol}: have {', '.join(PROTOCOLS)}, or joined by +: {', '.join(SSIM_PROTOCOLS)}"
        )
    if protocol == "all":
        ssims = tuple(name for name in ssims if _fits(name, size))
    for name in ssims:
        if not _fits(name, size):
            raise UserError(f"--protocol={protocol}: {name} is not for pictures of {size} pixels; take dsc or skimage")
    makers, labels = _networks(given, pairs)

    def make() -> Scores:
        return Scores(ssims, ms_ssim=size >= _MS_SSIM_SIZE, foreground=True, others=[make_one() for make_one in makers])

    return make, labels


def _fits(ssim: str, size: int) -> bool:
    return (size == _FULL_SIZE or "@" not in ssim) and (size >= _LARGEST_WINDOW or "win51" not in ssim)


def _networks(given: Networks, pairs: int) -> tuple[Iterable[Callable], dict[str, str]]:
    makers: list[Callable] = []
    labels = {}
    if given.inception is None:
        makers += [lambda: networks.absent("IS", "inception"), lambda: networks.absent("FID", "inception")]
    else:
        shared = networks.Inception(given.inception)
        makers += [lambda: inception.InceptionScore(shared, pairs), lambda: fid.FrechetDistance(shared)]
        labels["IS, FID"] = shared.label
    if given.detector is None:
        makers.append(lambda: networks.absent("DS", "detector"))
    else:
        found = networks.detector(given.detector)
        makers.append(lambda: detection.DetectionScore(found, given.detector_classes))
        labels["DS"] = f"{given.detector}, classes of {given.detector_classes}"
    if given.lpips is None:
        makers.append(lambda: networks.absent("LPIPS", "lpips"))
    else:
        distance = networks.perceptual(given.lpips)
        makers.append(lambda: lpips.Lpips(distance))
        labels["LPIPS"] = given.lpips
    return makers, labels
