"""File forms of an IUV map: from the bytes of a file to a map as stored, or a refusal with its remedy.

A form is a signature of the first bytes and a decoder; a new one is one more row of `_FORMS`.
"""

from collections.abc import Callable

from dpt_tf.iuv import arrays, dumps, pictures
from dpt_tf.iuv.sources import REMEDY, Decoded, NotIUV, Source, Wanted

_LONGEST_SIGNATURE = 8


def decode(source: Source, wanted: Wanted) -> Decoded:
    """Recognises the form by the first bytes and decodes it.

    Raises:
      NotIUV: no form that is known, or not a map.
    """
    if not source.size:
        raise NotIUV("the file is empty (0 bytes); write it again")
    head = source.read(0, min(source.size, _LONGEST_SIGNATURE))
    for signature, decoder in _FORMS:
        if head.startswith(signature):
            return decoder(source, wanted)
    raise NotIUV("neither a PNG nor a .npy array nor a dump of Detectron2's; " + REMEDY)


def holds_photos(source: Source) -> bool:
    """Whether the file is of a form that holds the maps of several photos."""
    head = source.read(0, min(source.size, _LONGEST_SIGNATURE))
    return any(head.startswith(signature) for signature, decoder in _FORMS if decoder is dumps.decode)


_FORMS: tuple[tuple[bytes, Callable[[Source, Wanted], Decoded]], ...] = (
    (b"\x89PNG\r\n\x1a\n", pictures.png),
    (b"\x93NUMPY", arrays.npy),
    (b"\xff\xd8\xff", pictures.jpeg),
    (b"PK\x03\x04", dumps.decode),
    *((b"\x80" + bytes([protocol]), dumps.decode) for protocol in (2, 3, 4, 5)),
)
