"""The user study of Table 2: a page that asks workers, and the report of what they answered."""

from dpt_tf.study.table import report
from dpt_tf.study.writing import make

__all__ = ["make", "report"]
