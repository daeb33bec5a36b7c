"""Walks through pickles without running them: every opcode is read and followed on a stack of inert values.

picklescan 1.0 gives up at the first bytes that are no opcode, and says nothing where it saw no import until then.
joblib writes the bytes of arrays right into the pickle's stream, torch's old format writes raw storages after five
pickles, and several pickles in one file have a memo each. So the stream is cut into its pickles here, without the
arrays' bytes, and each is given to picklescan by itself; what can't be followed to its end is an error.

Sources: `pickletools` (opcodes and what they take from the stack), joblib's `numpy_pickle.NumpyArrayWrapper`.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 2**30
"""Of one pickle, without arrays; larger ones are not followed."""
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""The whole of the first pickle in torch's format before 1.6."""
_TORCH_PICKLES = 5
_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_PLAIN_TYPE = re.compile(r"[<>|=]?([biufcmMSUV])(\d{1,9})")
_MAKERS = frozenset({"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE"})
_EXTENSIONS = frozenset({"EXT1", "EXT2", "EXT4"})
_MARK = object()


class UnreadableError(Exception):
    """A stream that can't be followed to its end; says why, in a few words."""


@dataclass
class _Thing:
    """What a pickle would make: by calling what, with what, and the state that it would get."""

    maker: tuple[str, str] | None
    arguments: Any = None
    state: Any = None


@dataclass
class _Recorder:
    """A stream that keeps what is read of it."""

    stream: IO[bytes]
    kept: bytearray = field(default_factory=bytearray)

    def read(self, size: int) -> bytes:
        if len(self.kept) + size > MAX_BYTES:
            raise ValueError(f"a pickle of more than {MAX_BYTES // 2**20} MiB")
        content = self.stream.read(size)
        self.kept += content
        return content

    def readline(self) -> bytes:
        content = self.stream.readline(MAX_BYTES)
        self.kept += content
        return content

    def tell(self) -> int:
        return self.stream.tell()


def walk(stream: IO[bytes], see: Callable[[bytes], None]) -> None:
    """Follow all pickles of a stream.

    Args:
        stream: from where the first begins; it has to be seekable.
        see: is told each pickle's bytes, without arrays, and what there is of one that breaks off: a reader runs that.

    Raises:
        UnreadableError: not all of it can be followed.
    """
    size = _size(stream)
    if not size:
        raise UnreadableError("it is empty")
    first = _one(stream, size, see)
    left = _TORCH_PICKLES - 1 if first == TORCH_MAGIC else None
    while left != 0 and (left or stream.tell() < size):
        _one(stream, size, see)
        left = None if left is None else left - 1


def _one(stream: IO[bytes], size: int, see: Callable[[bytes], None]) -> Any:
    """Follow one pickle, and those in the arrays of objects that it holds; gives the value, as far as that is inert."""
    recorder = _Recorder(stream)
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        # pickletools reads one opcode after the other, so that an array's bytes can be skipped between two.
        for opcode, argument, _ in pickletools.genops(cast("Any", recorder)):
            _step(opcode, argument, stack, memo)
            if opcode.name == "BUILD" and _is_wrapper(stack[-1]) and _skip_array(stack[-1].state, stream):
                _one(stream, size, see)
    except UnreadableError:
        raise
    except Exception as error:
        # Whatever a made-up stream provokes, in pickletools or here.
        raise UnreadableError(f"it is no pickle, or a torn one ({type(error).__name__})") from error
    finally:
        see(bytes(recorder.kept))
    return stack[-1] if stack else None


def _step(opcode: Any, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """Do to the stack what an opcode does to it, with inert values."""
    name = opcode.name
    if name in _EXTENSIONS:
        raise UnreadableError("it imports by a number of copyreg's")
    if name in _PUTS:
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in _GETS:
        stack.append(memo[argument])
    elif name == "DUP":
        stack.append(stack[-1])
    elif name == "POP":
        stack.pop()
    elif name == "MARK":
        stack.append(_MARK)
    elif name != "STOP":
        _apply(opcode, argument, stack)


def _apply(opcode: Any, argument: Any, stack: list[Any]) -> None:
    name = opcode.name
    taken = _take(opcode, stack)
    if name in _TUPLES:
        stack.append(tuple(taken))
    elif name == "GLOBAL":
        stack.append(tuple(argument.split(" ", 1)))
    elif name == "STACK_GLOBAL":
        stack.append((taken[0], taken[1]))
    elif name in _MAKERS:
        maker = tuple(argument.split(" ", 1)) if name == "INST" else taken[0]
        stack.append(_Thing(maker, taken[1] if name == "REDUCE" else None))
    elif name == "BUILD":
        if isinstance(taken[0], _Thing):
            taken[0].state = taken[1]
        stack.append(taken[0])
    elif name in {"DICT", "SETITEM", "SETITEMS"}:
        stack.append(_with_items(taken, begins_with_dict=name != "DICT"))
    elif name == "EMPTY_DICT":
        stack.append({})
    elif name in {"NEWTRUE", "NEWFALSE"}:
        stack.append(name == "NEWTRUE")
    else:
        constant = opcode.arg is not None and not opcode.stack_before
        stack.extend([argument if constant else None] * len(opcode.stack_after))


def _take(opcode: Any, stack: list[Any]) -> list[Any]:
    """Take from the stack what an opcode takes, the deepest first; what lies above a mark, without the mark."""
    before = list(opcode.stack_before)
    if pickletools.markobject not in before:
        return [stack.pop() for _ in before][::-1]
    above: list[Any] = []
    while (top := stack.pop()) is not _MARK:
        above.append(top)
    below = [stack.pop() for _ in range(before.index(pickletools.markobject))]
    return below[::-1] + above[::-1]


def _with_items(taken: list[Any], *, begins_with_dict: bool) -> Any:
    """A dictionary with items put in, the very one where it is there already: the memo may hold it, too."""
    target = taken[0] if begins_with_dict else {}
    items = taken[1:] if begins_with_dict else taken
    if isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str):
                target[key] = value
    return target


def _is_wrapper(value: Any) -> bool:
    return isinstance(value, _Thing) and value.maker == _WRAPPER


def _skip_array(state: Any, stream: IO[bytes]) -> bool:
    """Skip the array whose description was just read; true where a pickle of its objects follows instead."""
    kind = state["dtype"]
    code = kind.arguments[0] if isinstance(kind, _Thing) and kind.maker == ("numpy", "dtype") else None
    if not isinstance(code, str):
        raise UnreadableError("it holds an array of an unknown type")
    if code.lstrip("<>|=").startswith("O"):
        return True
    plain = _PLAIN_TYPE.fullmatch(code)
    if not plain or (isinstance(kind.state, tuple) and len(kind.state) > 4 and kind.state[4] is not None):
        raise UnreadableError("it holds an array of records, whose bytes can't be told from code")
    if "numpy_array_alignment_bytes" in state:
        stream.seek(stream.read(1)[0], io.SEEK_CUR)
    if min(state["shape"], default=0) < 0:
        raise UnreadableError("it holds an array of a size below 0")
    # Where it ends within the array, there is no next opcode.
    stream.seek(math.prod(state["shape"]) * int(plain[2]) * (4 if plain[1] == "U" else 1), io.SEEK_CUR)
    return False


def _size(stream: IO[bytes]) -> int:
    begin = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(begin)
    return size
