"""The part of `dpt prepare` that makes maps which are missing, and keeps them in the folder that is written to.

They lie in `OUTPUT/.maps`, a folder for each estimator, so that a second start does not make them again, and with them
mattes, where it knows who is the person beside the body. The photos' own folder stays as it is.
"""

import hashlib
import pathlib

from dpt_tf.densepose import asking, choosing, map_files
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError

_KEPT = ".maps"


class Maker:
    """Makes maps for `folders.find`; `made` of them by `estimator`, none until there is one to make."""

    def __init__(self, which: str, root: pathlib.Path, output: pathlib.Path, skip_bad: bool, left_out: list[str]):
        """`which` as `choosing.open_estimator` takes it; `left_out` is told which photos in `root` were skipped.

        Raises:
          UserError: no estimator is called so.
        """
        choosing.refuse_unknown(which)
        self._which, self._root, self._output = which, root, output
        self._skip_bad, self._left_out = skip_bad, left_out
        self.made, self.estimator = 0, ""

    @property
    def folder(self) -> pathlib.Path:
        """Where the maps are kept."""
        return self._output / _KEPT

    def __call__(self, lonely: list[pathlib.Path]) -> dict[pathlib.Path, pathlib.Path | None]:
        """The map of each photo that shows somebody; None for those that cannot be used and were told.

        Raises:
          UserError: a photo cannot be read, and bad ones are not to be skipped; no such estimator.
        """
        from tqdm import tqdm

        if not lonely:
            return {}
        quiet.start_tensorflow()
        estimator = choosing.open_estimator(self._which)
        self.estimator = estimator.name
        # Maps that an earlier version kept have no mattes: they are made again.
        known = self.folder / hashlib.sha256(f"{estimator.name}, with mattes".encode()).hexdigest()[:12]
        found: dict[pathlib.Path, pathlib.Path | None] = {}
        for photo in tqdm(lonely, unit="photo", desc=f"maps by {estimator.name}", leave=False):
            folder, file = known / photo.parent.relative_to(self._root), f"{photo.name}_IUV.png"
            try:
                try:
                    made = map_files.make(photo, folder, estimator, map_files.Asked(), file, mattes=True)
                except map_files.MadeElsewhere:  # of a photo that has been replaced since
                    (folder / file).unlink()
                    made = map_files.make(photo, folder, estimator, map_files.Asked(), file, mattes=True)
            except asking.Nobody:
                continue
            except UserError as error:
                if not self._skip_bad:
                    raise
                self._left_out.append(str(error))
                found[photo] = None
                continue
            found[photo] = made[0].path
            self.made += 1
        return found
