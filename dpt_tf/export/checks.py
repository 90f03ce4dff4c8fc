"""Refusals inside a graph: an example that is not what it should be ends the request with INVALID_ARGUMENT.

The message is a sentence: which input and, in brackets, which example of the batch, what it is, what it should be.
A check counts only for what comes after it: `tensor = after(checks, tensor)`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS

_BEYOND = 1.001  # rounding may leave [-1, 1] by a hair

Piece = Any  # a str, or a scalar tensor


def sentence(*pieces: Piece) -> tf.Tensor:
    """The pieces one after the other, numbers as people write them."""
    return tf.strings.join([_text(piece) for piece in pieces])


def refuse(bad: tf.Tensor, *pieces: Piece) -> tf.Operation:
    """Refuses, with these pieces as the sentence, if `bad`, a scalar, is true."""
    return tf.debugging.Assert(tf.logical_not(bad), [sentence(*pieces)])


def refuse_any(bad: tf.Tensor, name: Piece, say: Callable[[tf.Tensor], Sequence[Piece]]) -> tf.Operation:
    """Refuses if an example is bad: `bad` `[B]`; `say` gives the words that follow `name[i]` for the first one, i."""
    first = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int32)
    return refuse(tf.reduce_any(bad), name, "[", first, "] ", *say(first))


def after(checks: Sequence[tf.Operation], tensor: tf.Tensor) -> tf.Tensor:
    """The tensor, once the checks have passed."""
    with tf.control_dependencies(checks):
        return tf.identity(tensor)


def sizes(tensors: Mapping[str, tf.Tensor], inner: Mapping[str, Sequence[int | None]]) -> dict[str, tf.Tensor]:
    """The tensors once each is `[B, *inner[name]]`, with one and the same B, at least 1; None is any length above 0.

    Note: a server feeds whatever a client sends, whatever shape the signature gives.
    """
    shapes = {name: tf.shape(tensor) for name, tensor in tensors.items()}
    wrong = []
    for name, shape in shapes.items():
        lengths = tf.strings.reduce_join(tf.strings.as_string(shape), separator=", ")
        should = "".join(f", {length or 'any'}" for length in inner[name])
        is_right = tf.strings.regex_full_match(lengths, r"[1-9]\d*" + should.replace("any", r"[1-9]\d*"))
        wrong.append(refuse(~is_right, name, " is [", lengths, f"]; it should be [batch{should}], batch at least 1"))
    batches = {name: after(wrong, shape)[0] for name, shape in shapes.items()}
    (leader, batch), *others = batches.items()
    differ = [
        refuse(
            tf.not_equal(other, batch), f"{name} has a batch of ", other, f" and {leader} of ", batch, "; give as many"
        )
        for name, other in others
    ]
    return {
        name: tf.ensure_shape(after(wrong + differ, tensor), [None, *inner[name]]) for name, tensor in tensors.items()
    }


def within(name: str, pictures: tf.Tensor, most: int) -> list[tf.Operation]:
    """The sides of `[B, H, W, C]` are `most` at most."""
    shape = tf.shape(pictures)
    words = (f"{name} is ", shape[2], " x ", shape[1], f" pixels; the longer side should be {most} at most: reduce it")
    return [refuse(tf.maximum(shape[1], shape[2]) > most, *words)]


def alike(tensors: Mapping[str, tf.Tensor], axes: Sequence[int]) -> list[tf.Operation]:
    """All have the same lengths along these axes."""
    (leader, first), *others = tensors.items()
    return [
        refuse(
            tf.not_equal(tf.shape(other)[axis], tf.shape(first)[axis]),
            *(f"{name} has length ", tf.shape(other)[axis], f" along axis {axis} and {leader} ", tf.shape(first)[axis]),
            "; give two that belong together",
        )
        for name, other in others
        for axis in axes
    ]


def square(name: str, tensor: tf.Tensor, axis: int) -> list[tf.Operation]:
    """It is as long along the axis after this one."""
    rows, columns = tf.shape(tensor)[axis], tf.shape(tensor)[axis + 1]
    return [refuse(tf.not_equal(rows, columns), f"{name} is ", rows, " x ", columns, "; it should be square")]


def photos(name: str, pictures: tf.Tensor) -> list[tf.Operation]:
    """`[B, S, S, 3]` float32 lies in [-1, 1]."""
    most = tf.reduce_max(tf.abs(pictures), [1, 2, 3])
    # NaN is neither above the bound nor below it.
    bad = ~tf.reduce_all(tf.abs(pictures) <= _BEYOND, [1, 2, 3])

    def said(i):
        return "holds values as large as ", most[i], "; it should lie in [-1, 1]: pixel / 127.5 - 1"

    return [refuse_any(bad, name, said)]


def maps(name: str, iuv: tf.Tensor) -> list[tf.Operation]:
    """`[B, S, S, 3]` uint8 (I, U, V) has parts up to 24, and a person."""
    highest = tf.cast(tf.reduce_max(iuv[..., 0], [1, 2]), tf.int32)
    return [
        refuse_any(
            highest > NUM_PARTS,
            name,
            lambda i: ("has part ", highest[i], f"; its channels should be I, U, V with I in 0..{NUM_PARTS}"),
        ),
        refuse_any(
            highest == 0, name, lambda i: (f"shows no person: I is 0 everywhere; it should be 1..{NUM_PARTS} on one",)
        ),
    ]


def flags(name: str, observed: tf.Tensor) -> list[tf.Operation]:
    """`[B, 24, R, R, 1]` uint8 is 0 or 1."""
    highest = tf.cast(tf.reduce_max(observed, [1, 2, 3, 4]), tf.int32)

    def said(i):
        return "holds ", highest[i], "; it should be 0 or 1, as `texture` gave it"

    return [refuse_any(highest > 1, name, said)]


def _text(piece: Piece) -> tf.Tensor:
    if isinstance(piece, str) or piece.dtype == tf.string:
        return tf.convert_to_tensor(piece)
    return tf.strings.as_string(piece, shortest=True) if piece.dtype.is_floating else tf.strings.as_string(piece)
