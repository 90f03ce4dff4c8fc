"""Photos and poses -> pictures, by a trained run or its export."""

from dpt_tf.transfer.animation import animate
from dpt_tf.transfer.painter import Transfer, load

__all__ = ["Transfer", "animate", "load"]
