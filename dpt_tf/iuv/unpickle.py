"""Reading pickles that others made, without trusting them.

A pickle is a program. Python's own machine for it imports what it is told to and calls it; this one has the few
instructions that plain data need, knows no function but those it is given, and its time and memory are bounded:
nothing is allocated because a pickle says so, nothing recurses. Byte strings are not read, only located; so are long
texts where it is asked for: Python 3 writes a byte string so in the protocol of Python 2.

Note: `pickle.Unpickler` with a `find_class` that knows few names would be much shorter, and run nothing foreign either.
But its machine in C makes its memo as large as an index in the pickle says, before anything can be asked: the nine
bytes 80 02 4e 72 ff ff ff 0f 2e take 4 GiB (Python 3.11).
"""

import dataclasses
import struct
from collections.abc import Callable, Mapping
from typing import Any

from dpt_tf.iuv.sources import NotIUV, Source

# A photo takes about 100 steps and 30 a person, and the numbers of a person take kilobytes.
_MOST_STEPS = 10_000_000
_FEWEST_STEPS = 500_000
_BYTES_A_STEP = 16
_MOST_TEXT = 1 << 26
_LONGEST_TEXT = 1 << 16
_WINDOW = 1 << 16
_MOST_FIELDS = 64

_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
_NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
_TEXTS = {b"\x8c": "<B", b"X": "<I", b"\x8d": "<Q"}
_BYTES = {b"C": "<B", b"B": "<I", b"\x8e": "<Q"}
_OLD_BYTES = {b"T": "<I", b"\x96": "<Q"}  # BINSTRING of Python 2, BYTEARRAY8
_EMPTY: dict[bytes, Callable[[], Any]] = {b"]": list, b"}": dict, b")": tuple}
_SHORT_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
_PUT = {b"q": "<B", b"r": "<I"}
_GET = {b"h": "<B", b"j": "<I"}


class Record(dict):
    """An object of which only the attributes are of interest."""


class Built:
    """An object that is given its state after it was made."""

    def build(self, state: Any) -> None:
        """Takes what the pickle says it is."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Where a byte string lies in the source; `text` says that it lies there as UTF-8."""

    start: int
    size: int
    text: bool = False


@dataclasses.dataclass(frozen=True)
class Function:
    """What a pickle may call."""

    call: Callable[..., Any]


@dataclasses.dataclass
class Budget:
    """What the pickles of one file may still cost, together."""

    steps: int
    text: int = _MOST_TEXT


def budget(size: int) -> Budget:
    """For a file of `size` bytes."""
    return Budget(min(_FEWEST_STEPS + size // _BYTES_A_STEP, _MOST_STEPS))


class Cursor:
    """Reads a piece of a source from its start to its end."""

    def __init__(self, source: Source, start: int, end: int, left: Budget):
        self.source = source
        self.left = left
        self.place = start
        self.end = min(end, source.size)
        self._window = memoryview(b"")
        self._first = start

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.end - self.place:
            raise NotIUV("a pickle cut short; write it again")
        offset = self.place - self._first
        if not 0 <= offset <= len(self._window) - count:
            ahead = min(max(count, _WINDOW), self.end - self.place)
            self._window, self._first, offset = memoryview(self.source.read(self.place, ahead)), self.place, 0
        self.place += count
        return bytes(self._window[offset : offset + count])

    def number(self, form: str) -> Any:
        """The next number, `form` as `struct` names it."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def skip(self, count: int) -> Span:
        """Passes over the next `count` bytes."""
        if count > self.end - self.place:
            raise NotIUV("a pickle cut short; write it again")
        span = Span(self.place, count)
        self.place += count
        return span

    def line(self) -> str:
        """The text up to the next line feed."""
        letters = bytearray()
        while (letter := self.take(1)) != b"\n":
            letters += letter
            if len(letters) > 300:
                raise NotIUV("a damaged pickle; write it again")
        return letters.decode("utf-8", "replace")


def load(
    cursor: Cursor,
    known: Mapping[tuple[str, str], Any],
    persistent: Callable[[Any], Any] | None = None,
    foreign: Callable[[str, str], str] = "{}.{}".format,
    arrays: bool = False,
) -> Any:
    """The object that the pickle at the cursor describes; the cursor ends behind it.

    Args:
      cursor: where the pickle begins.
      known: what the names it may use stand for: a `Function`, or any value.
      persistent: the object that a persistent id stands for.
      foreign: what to say of a name that is not known.
      arrays: whether numbers may lie in it in the forms of all times: as byte strings of Python 2, byte arrays, and
        texts, of which long ones are `Span`s then.

    Raises:
      NotIUV: it is damaged, too large, or asks for something else.
    """
    try:
        return _Machine(cursor, known, persistent, foreign, arrays).run()
    except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        if isinstance(error, NotIUV):
            raise
        raise NotIUV(f"a damaged pickle ({type(error).__name__}); write it again") from None


class _Machine:
    def __init__(self, cursor, known, persistent, foreign, arrays):
        self.cursor, self.known, self.persistent, self.foreign = cursor, known, persistent, foreign
        self.arrays = arrays
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        left = self.cursor.left
        while left.steps > 0:
            left.steps -= 1
            code = self.cursor.take(1)
            if code == b".":
                return self.stack.pop()
            self._step(code)
        raise NotIUV("a pickle of far more steps than a dump of its size takes; dump fewer photos into one file")

    def _step(self, code: bytes) -> None:
        stack, cursor = self.stack, self.cursor
        if code in _GET:
            stack.append(self.memo[cursor.number(_GET[code])])
        elif code in _PUT:
            self.memo[cursor.number(_PUT[code])] = stack[-1]
        elif code == b"\x94":  # MEMOIZE
            self.memo[len(self.memo)] = stack[-1]
        elif code in _NUMBERS:
            stack.append(cursor.number(_NUMBERS[code]))
        elif code in _TEXTS:
            stack.append(self._text(cursor.number(_TEXTS[code])))
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code in _SHORT_TUPLES:
            count = _SHORT_TUPLES[code]
            stack[-count:] = [tuple(stack[-count:])] if len(stack) >= count else [stack[-count]]
        elif code in _BYTES:
            stack.append(cursor.skip(cursor.number(_BYTES[code])))
        elif code == b"(":
            self.marks.append(stack)
            self.stack = []
        elif code == b"t":
            self._since_mark(tuple)
        elif code == b"a":
            self._extend([stack.pop()])
        elif code == b"e":
            self._extend(self._since_mark())
        elif code == b"s":
            self._update([stack.pop(-2), stack.pop()])
        elif code == b"u":
            self._update(self._since_mark())
        elif code in (b"R", b"\x81"):  # REDUCE and NEWOBJ
            arguments, function = stack.pop(), stack.pop()
            if not isinstance(function, Function) or not isinstance(arguments, tuple):
                raise NotIUV("a damaged pickle; write it again")
            stack.append(function.call(*arguments))
        elif code == b"b" and isinstance(stack[-2], Built):
            state = stack.pop()
            stack[-1].build(state)
        elif code == b"b":  # BUILD
            state = stack.pop()
            if not isinstance(stack[-1], Record) or not isinstance(state, dict) or len(state) > _MOST_FIELDS:
                raise NotIUV("a damaged pickle; write it again")
            stack[-1].update(state)
        elif code == b"c":
            stack.append(self._find(cursor.line(), cursor.line()))
        elif code == b"\x93":  # STACK_GLOBAL
            name, module = stack.pop(), stack.pop()
            stack.append(self._find(module, name))
        elif code == b"Q" and self.persistent is not None:
            stack.append(self.persistent(stack.pop()))
        elif code == b"\x8a":  # LONG1
            stack.append(int.from_bytes(cursor.take(cursor.number("<B")), "little", signed=True))
        elif code == b"\x80":
            cursor.take(1)
        elif code == b"\x95":
            cursor.take(8)
        elif self.arrays and code == b"U":  # SHORT_BINSTRING
            cursor.left.text -= (size := cursor.number("<B"))
            stack.append(cursor.take(size).decode("latin1"))
        elif self.arrays and code in _OLD_BYTES:
            stack.append(cursor.skip(cursor.number(_OLD_BYTES[code])))
        else:
            raise NotIUV(f"a pickle with an instruction that no dump of Detectron2's has ({code[0]:#04x}): not opened")

    def _text(self, size: int) -> str | Span:
        if self.arrays and size > _LONGEST_TEXT:
            return dataclasses.replace(self.cursor.skip(size), text=True)
        self.cursor.left.text -= size
        if size > _LONGEST_TEXT or self.cursor.left.text < 0:
            raise NotIUV("a pickle with texts longer than any file name; write it again")
        return self.cursor.take(size).decode("utf-8", "surrogatepass")

    def _since_mark(self, kind=list) -> Any:
        items, self.stack = self.stack, self.marks.pop()
        if kind is tuple:
            self.stack.append(tuple(items))
        return items

    def _extend(self, items: list) -> None:
        if type(self.stack[-1]) is not list:
            raise NotIUV("a damaged pickle; write it again")
        self.stack[-1].extend(items)

    def _update(self, items: list) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise NotIUV("a damaged pickle; write it again")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int):  # the hash of a deeply nested tuple would recurse
                raise NotIUV("a damaged pickle; write it again")
            self.stack[-1][key] = value

    def _find(self, module: Any, name: Any) -> Any:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotIUV("a damaged pickle; write it again")
        if (module, name) not in self.known:
            raise NotIUV(self.foreign(module[:100], name[:100]))
        return self.known[module, name]
