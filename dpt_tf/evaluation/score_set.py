"""Which scores an evaluation computes, by protocol and by the networks it was given."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from dpt_tf.evaluation import digests
from dpt_tf.evaluation.real_set import RealSet
from dpt_tf.metrics import SSIM_PROTOCOLS, Scores, detection, fid, frozen, inception, lpips, networks, saved_model
from dpt_tf.metrics.ms_ssim import LEAST
from dpt_tf.system.errors import UserError

DEFAULT_FID = "test"
PROTOCOLS = {"dsc": ("dsc",), "patn": ("dsc@padded",), "all": SSIM_PROTOCOLS}
_FULL_SIZE = 256  # what crops of 176 columns are made from
_LARGEST_WINDOW = 51


@dataclasses.dataclass(frozen=True)
class Networks:
    """Handles as `metrics.networks` has them; None where a network is not given."""

    inception: str | None = None
    detector: str | None = None
    detector_classes: str = ""
    """What the detector was trained on, of `detection.PERSON`; the usual of its kind where it is empty."""
    lpips: str | None = None

    @property
    def trained_on(self) -> str:
        """What the detector was trained on.

        Raises:
          UserError: `ssdlite` is said to be trained on something else than it was.
        """
        usual = "voc_person" if self.detector == frozen.SSDLITE else "coco"
        if self.detector == frozen.SSDLITE and self.detector_classes not in ("", usual):
            raise UserError(f"--detector_classes={self.detector_classes}: {frozen.SSDLITE} knows {usual}; leave it out")
        return self.detector_classes or usual

    def digests(self) -> dict[str, str]:
        """Of those that lie in folders, whose names may come to stand for other networks."""
        found = {name: digests.of_network(getattr(self, name)) for name in ("inception", "detector", "lpips")}
        return {name: digest for name, digest in found.items() if digest}


def of(
    protocol: str, size: int, pairs: int, behind: Networks, fids: str = DEFAULT_FID, real: RealSet | None = None
) -> tuple[Callable[[], Scores], dict[str, str]]:
    """What makes the scores of one row of pictures, and the networks behind them: `{score: which}`.

    Args:
      protocol: one of `PROTOCOLS`, or SSIM protocols of `metrics.SSIM_PROTOCOLS` joined by `+`.
      size: of the pictures, in pixels.
      pairs: how many there will be.
      behind: the networks that scores stand on.
      fids: FID protocols of `fid.FID_PROTOCOLS` joined by `+`.
      real: the training pictures, where an FID protocol compares with them; their moments are there once scores have
        been made.

    Raises:
      UserError: no such protocol, or one that is not for pictures of this size; a network that cannot be had, or fails
        on such pictures; too few pairs.
    """
    ssims = _ssims(protocol, size)
    makers, labels = _networks(behind, pairs, _fids(fids), real)
    # What a network cannot do should not come to light behind the pictures, let alone behind a training.
    grey = np.full((1, size, size, 3), 128, np.uint8)
    for make_one in makers:
        make_one().update(grey, grey)

    def make() -> Scores:
        if real is not None:
            real.compute()  # before the pairs, so that a scoring that is stopped here goes on here
        return Scores(ssims, ms_ssim=size >= LEAST, foreground=True, others=[make_one() for make_one in makers])

    return make, labels


def refuse(protocol: str, size: int, behind: Networks, fids: str = DEFAULT_FID) -> None:
    """What can be said of the arguments of `of` before there are pairs, and without a network.

    Raises:
      UserError: no such protocol, or one that is not for pictures of this size; a network that is not there.
    """
    _ssims(protocol, size)
    _fids(fids)
    for handle in (behind.detector, behind.lpips, behind.inception if behind.inception != "keras" else None):
        if handle is not None:
            saved_model.refuse_missing(handle)
    if behind.detector is not None:
        _ = behind.trained_on  # it may be said to be what it is not


def _ssims(protocol: str, size: int) -> tuple[str, ...]:
    """The names of the SSIMs that are meant."""
    ssims = PROTOCOLS.get(protocol) or tuple(protocol.split("+"))
    unknown = [name for name in ssims if name not in SSIM_PROTOCOLS]
    if unknown:
        raise UserError(
            f"--protocol={protocol}: have {', '.join(PROTOCOLS)}, or joined by +: {', '.join(SSIM_PROTOCOLS)}"
        )
    if len(set(ssims)) < len(ssims):
        raise UserError(f"--protocol={protocol}: name each protocol once")
    if protocol == "all":
        return tuple(name for name in ssims if _fits(name, size))
    for name in ssims:
        if not _fits(name, size):
            raise UserError(f"--protocol={protocol}: {name} is not for pictures of {size} pixels; take dsc or skimage")
    return ssims


def impossible(protocol: str, size: int) -> dict[str, str]:
    """The scores that pictures of `size` are too small for: by name, why each is not computed."""
    found = {}
    if size < LEAST:
        found["MS-SSIM"] = f"not computed: its five scales need pictures of {LEAST} pixels, these have {size}"
    for name in SSIM_PROTOCOLS if protocol == "all" else ():
        if not _fits(name, size):
            needed = f"{_FULL_SIZE}" if "@" in name else f"at least {_LARGEST_WINDOW}"
            found[f"SSIM ({name})"] = f"not computed: is of pictures of {needed} pixels, these have {size}"
    return found


def _fits(ssim: str, size: int) -> bool:
    return (size == _FULL_SIZE or "@" not in ssim) and (size >= _LARGEST_WINDOW or "win51" not in ssim)


def _fids(text: str) -> tuple[str, ...]:
    found = tuple(text.split("+"))
    if unknown := [name for name in found if name not in fid.FID_PROTOCOLS]:
        raise UserError(
            f"--fid={text}: no such protocol: {unknown[0]!r}; have, joined by +: {', '.join(fid.FID_PROTOCOLS)}"
        )
    if len(set(found)) < len(found):
        raise UserError(f"--fid={text}: name each protocol once")
    return found


def _networks(
    behind: Networks, pairs: int, fids: Sequence[str], real: RealSet | None
) -> tuple[Sequence[Callable], dict[str, str]]:
    makers: list[Callable] = []
    labels = {}
    if behind.inception is None:
        makers += [lambda: networks.absent("IS", "inception"), lambda: networks.absent("FID", "inception")]
    else:
        if pairs < inception.SPLITS:
            raise UserError(
                f"--inception: the Inception score is a mean over {inception.SPLITS} splits and needs as many pairs, "
                f"here are {pairs}; score more, or leave --inception out"
            )
        shared = networks.Inception(behind.inception)
        makers.append(lambda: inception.InceptionScore(shared, pairs))
        for name in fids:
            moments = real.moments(name, shared) if real and fid.real_set(name) == "train" else None
            makers.append(functools.partial(fid.FrechetDistance, shared, name, moments))
        labels["IS, FID"] = shared.label
    if behind.detector is None:
        makers.append(lambda: networks.absent("DS", "detector"))
    else:
        found = networks.detector(behind.detector)
        trained_on = behind.trained_on
        makers.append(lambda: detection.DetectionScore(found, trained_on))
        ours = behind.detector == frozen.SSDLITE
        labels["DS"] = frozen.LABEL if ours else f"{behind.detector}, classes of {trained_on}"
    if behind.lpips is None:
        makers.append(lambda: networks.absent("LPIPS", "lpips"))
    else:
        distance = networks.perceptual(behind.lpips)
        makers.append(lambda: lpips.Lpips(distance))
        labels["LPIPS"] = behind.lpips
    return makers, labels
