"""Flags that name a folder or a file."""

import argparse
import pathlib


def named(text: str) -> pathlib.Path:
    """The type of such a flag. An empty name would be the folder that one stands in.

    Raises:
      argparse.ArgumentTypeError: it is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name a folder or a file, or leave it out")
    return pathlib.Path(text)
