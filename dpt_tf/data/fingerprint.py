"""What tells one prepared data set from another, wherever it lies.

Training and scoring note it, so that neither goes on with other data than it began with.
"""

import hashlib
import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from dpt_tf.data import records, sparse_records
from dpt_tf.system import files

_BEGINNING = 1 << 16  # bytes of a file of records; nobody wants to read all of it at every start
_LENGTH = 16  # hexadecimal digits


def of(data_dir: str | os.PathLike) -> dict[str, Any]:
    """Sizes of a data set, and a digest of how its files begin; names of folders have no part in it.

    Raises:
      UserError: as `records.open_prepared`, or where people with points are `sparse_records.open_sparse`.
    """
    if sparse_records.holds(data_dir):
        sparse = sparse_records.open_sparse(data_dir)
        # A person is an item of one view.
        sizes = {"items": sparse.people, "views": sparse.people, "points": sparse.points, "bytes": sparse.num_bytes}
        return {"image_size": sparse.image_size, **sizes, "digest": _digest(sparse.files)}
    prepared = records.open_prepared(data_dir)
    sizes = {"items": prepared.items, "views": prepared.views, "pairs": prepared.pairs, "bytes": prepared.num_bytes}
    return {"image_size": prepared.image_size, **sizes, "digest": _digest(prepared.files)}


def _digest(splits: Mapping[str, Sequence[str]]) -> str:
    digest = hashlib.sha256()
    for path in itertools.chain(*splits.values()):
        with files.opened(path) as file:
            digest.update(file.read(_BEGINNING))
    return digest.hexdigest()[:_LENGTH]
