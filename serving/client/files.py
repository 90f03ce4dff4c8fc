"""Files that a user names and that may be anything: of regular ones alone is read, and no more than `MOST_BYTES`."""

import os
import stat

from serving.client.errors import BadInput

MOST_BYTES = 1 << 29


def read(path: str | os.PathLike, wanted: str) -> bytes:
    """All of a file.

    Args:
      path: the file.
      wanted: what it should be, for the message.

    Raises:
      BadInput: it cannot be read, is a folder, a pipe or a device, or has more bytes than any picture.
    """
    try:
        # Neither a pipe that nobody writes to nor a device is waited for: what is there is asked before it is opened.
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise BadInput(f"{path}: {what}; give the path of {wanted}")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_BYTES:
                raise BadInput(f"{path}: a file of {size >> 20} MiB; give the path of {wanted}")
            return file.read(MOST_BYTES)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; give the path of {wanted}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give the path of {wanted}") from None
