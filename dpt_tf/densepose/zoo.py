"""The published DensePose networks: what they are called, how good they are, and how one is had.

A network is downloaded once, into `$DPT_CACHE/densepose/NAME` (`~/.cache/dpt_tf` where DPT_CACHE is not set), and its
SHA-256 noted beside it. A download that was cut off goes on where it ended. `DPT_DENSEPOSE_URL` names a mirror: what
stands before `/NAME/ID/model_final_HASH.pkl`. GPS and GPSm are the model zoo's average precisions on DensePose-COCO.

Source: the model zoo of Detectron2's projects/DensePose. The weights are under CC BY-SA 3.0.
"""

import dataclasses
import hashlib
import http.client
import os
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

from tqdm import tqdm

from dpt_tf.system import atomic, files, locks
from dpt_tf.system.errors import UserError

URL = "https://dl.fbaipublicfiles.com/densepose"
LICENCE = "CC BY-SA 3.0"

_TRIES = 5
_TIMEOUT = 30.0  # seconds without a byte
_WAIT = 6 * 3600.0  # for another program that downloads the same
_PIECE = 1 << 20
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")
_NAMED = re.compile(r"model_final_([0-9a-f]{6})\.pkl")


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a network lies below the address, and its average precisions in percent."""

    id: str
    hash: str
    gps: float
    gpsm: float

    @property
    def file(self) -> str:
        """Its file's name, with the first digits of its SHA-256."""
        return f"model_final_{self.hash}.pkl"


PUBLISHED = {
    "densepose_rcnn_R_50_FPN_s1x": Published("165712039", "162be9", 63.7, 65.3),
    "densepose_rcnn_R_101_FPN_s1x": Published("165712084", "c6ab63", 64.5, 66.2),
    "densepose_rcnn_R_50_FPN_DL_s1x": Published("165712097", "0ed407", 65.6, 66.7),
    "densepose_rcnn_R_101_FPN_DL_s1x": Published("165712116", "844d15", 66.3, 67.6),
}


def fetch(name: str, base: str | None = None, cache: str | os.PathLike | None = None) -> pathlib.Path:
    """The file of a published network, downloaded if it is not there yet.

    Args:
      name: one of `PUBLISHED`.
      base: an address instead of DPT_DENSEPOSE_URL or the model zoo's.
      cache: a folder instead of DPT_CACHE or `~/.cache/dpt_tf`.

    Raises:
      UserError: no such name; it cannot be downloaded; or the file there was changed.
    """
    if name not in PUBLISHED:
        raise UserError(f"{name}: no network of the model zoo: those are {', '.join(PUBLISHED)}")
    published = PUBLISHED[name]
    base = base or os.environ.get("DPT_DENSEPOSE_URL") or URL
    if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
        raise UserError(f"{base}: no address to download from; DPT_DENSEPOSE_URL begins with http:// or https://")
    url = f"{base.rstrip('/')}/{name}/{published.id}/{published.file}"
    root = cache or os.environ.get("DPT_CACHE") or pathlib.Path.home() / ".cache" / "dpt_tf"
    final = pathlib.Path(root) / "densepose" / name / published.file
    try:
        with locks.claimed(final.parent, _WAIT):
            if final.exists():
                _check(final)
            else:
                _say(f"{name}: downloading {url} (weights under {LICENCE})")
                _Download(url, final).run()
    except OSError as error:
        raise UserError(f"{final}: {error.strerror or error}; make room, or name another folder in DPT_CACHE") from None
    return final


def doubt(path: str | os.PathLike) -> str:
    """Why a file that cannot be read may be the wrong one: "" or a phrase. Its SHA-256 is not as its name says."""
    path = pathlib.Path(path)
    named, noted = _NAMED.fullmatch(path.name), _noted(path)
    if not named or not noted or noted.startswith(named[1]):
        return ""
    return f"its SHA-256 begins with {noted[:6]} and not as its name says; remove it to download it again"


def _check(final: pathlib.Path) -> None:
    digest, noted = _digest(final), _noted(final)
    if not noted:  # put there by hand
        _note(final, digest)
    elif noted != digest:
        raise UserError(f"{final}: its SHA-256 is not the one noted beside it; remove both to download it again")


def _noted(path: pathlib.Path) -> str:
    try:
        return files.read_text(_beside(path, ".sha256"), "ascii").split()[0]
    except (OSError, ValueError, IndexError):
        return ""


def _note(final: pathlib.Path, digest: str) -> None:
    atomic.write_text(_beside(final, ".sha256"), f"{digest}  {final.name}\n")
    told = doubt(final)
    if told:
        _say(f"{final}: {told.partition(';')[0]}; it is used as it is")


def _digest(path: pathlib.Path) -> str:
    with files.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(path: pathlib.Path, suffix: str) -> pathlib.Path:
    return path.with_name(path.name + suffix)


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)


class _CutError(Exception):
    """The connection ended before the file did."""


class _Download:
    def __init__(self, url: str, final: pathlib.Path):
        self.url, self.final, self.part = url, final, _beside(final, ".part")
        self.by_hand = f"download {url} where there is internet, and put it at {final}"

    def run(self) -> None:
        """Downloads to `final`."""
        resumed = self._have() > 0
        self._whole()
        digest = _digest(self.part)
        named = _NAMED.fullmatch(self.final.name)
        if resumed and named and not digest.startswith(named[1]):  # the beginning may be of another file
            self.part.unlink()
            self._whole()
            digest = _digest(self.part)
        atomic.flush(self.part)
        _note(self.final, digest)
        self.part.replace(self.final)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _whole(self) -> None:
        """Tries until all is there, as long as every try brings something."""
        reason = ""
        for _ in range(_TRIES):
            before = self._have()
            try:
                return self._try(before)
            except _CutError as error:
                reason = str(error)
                if self._have() <= before:
                    break
        raise UserError(
            f"{self.url}: cut off after {self._have()} bytes ({reason}); try again, it goes on from there, "
            f"or {self.by_hand}"
        )

    def _try(self, have: int) -> None:
        headers = {"User-Agent": "dpt_tf", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            # The scheme was looked at by `fetch`.
            answer = urllib.request.urlopen(urllib.request.Request(self.url, headers=headers), timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error, have)
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise UserError(f"{self.url}: cannot be reached ({_line(reason)}); {self.by_hand}") from None
        with answer:
            self._receive(answer, have)

    def _refused(self, error: urllib.error.HTTPError, have: int) -> None:
        """Leaves without an error where the part is the whole, or is none and the next try begins anew."""
        if error.code == 416 and have:
            found = _RANGE.fullmatch(error.headers.get("Content-Range", ""))
            if found and int(found[2]) == have:
                return
            self.part.unlink()
            return self._try(0)
        raise UserError(f"{self.url}: the server says {error.code} {error.reason}; {self.by_hand}")

    def _receive(self, answer, have: int) -> None:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        if answer.status == 206:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if not found or int(found[1] or -1) != have:
                if not have:
                    raise UserError(f"{self.url}: the server sent a part of the file unasked; {self.by_hand}")
                self.part.unlink()
                return self._try(0)
            total = int(found[2])
        else:
            have = 0  # the server knows no ranges
        with (
            self.part.open("ab" if have else "wb") as file,
            tqdm(
                total=total,
                initial=have,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                desc=self.final.name,
                disable=None,
            ) as progress,
        ):
            while piece := self._piece(answer):
                file.write(piece)
                progress.update(len(piece))
        size = self._have()
        if total is not None and size > total:
            self.part.unlink()
            raise UserError(f"{self.url}: the server sent {size} bytes and said {total}; {self.by_hand}")
        if total is not None and size < total:
            raise _CutError(f"of {total}")
        if not size:
            raise UserError(f"{self.url}: the server sent nothing; {self.by_hand}")

    @staticmethod
    def _piece(answer) -> bytes:
        try:
            return answer.read1(_PIECE)
        except (OSError, http.client.HTTPException) as error:
            raise _CutError(_line(error)) from None


def _line(error) -> str:
    return str(error).partition("\n")[0]
