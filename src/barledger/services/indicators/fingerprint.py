"""Fingerprints: whether two processes mean the same by a function, however they came by it.

A name does not tell: a module that is imported anew may define other functions under the same names than a session has
by now. What counts is what the interpreter runs: the code, the defaults, and what a closure holds.
"""

import hashlib
import pickle
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any


def fingerprint(function: Callable[..., Any]) -> str:
    """Return what a function is as a SHA-256 in hex.

    Of values that cannot be pickled only the class counts, and of global names only the names.
    """
    return _printed(function, ())


def _printed(function: Any, inside: tuple[int, ...]) -> str:
    """Return the digest of a function; those that it is ``inside`` of, by their ids, may hold themselves."""
    if not isinstance(function, FunctionType):
        return _value(function, inside)
    cells = [_held(cell) for cell in function.__closure__ or ()]
    values = [*cells, *(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())]
    parts = _code(function.__code__), [_value(one, (*inside, id(function))) for one in values]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _code(code: CodeType) -> tuple[object, ...]:
    constants = [_code(one) if isinstance(one, CodeType) else _constant(one) for one in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def _constant(value: object) -> str:
    return f"{sorted(map(repr, value))}" if isinstance(value, frozenset) else repr(value)


def _held(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        # A name that has no value yet.
        return "nothing"


def _value(value: object, inside: tuple[int, ...]) -> str:
    """Return the digest of a value, whatever its size, which is the same wherever it is the same."""
    into = _Digest()
    try:
        _ByWhatItIs(into, inside).dump(value)
    except Exception:  # noqa: BLE001 - of other people's classes anything may be raised
        return f"{type(value).__module__}.{type(value).__qualname__}"
    return into.hash.hexdigest()


class _Digest:
    """Takes what is written for its digest."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Take bytes in."""
        self.hash.update(data)
        return len(data)


class _ByWhatItIs(pickle.Pickler):
    """Pickles functions by what they do, and classes by their names wherever their module is run."""

    def __init__(self, into: _Digest, inside: tuple[int, ...]) -> None:
        super().__init__(into, protocol=4)
        # Whether two equal values are one object is different from process to process, and says nothing.
        self.fast = True
        self._inside = inside

    def persistent_id(self, value: Any) -> object:
        """Return what stands for a function, a class or a module; None for what is pickled as it is."""
        # Compilers such as numba's keep the function that they were given.
        written = getattr(value, "py_func", value)
        if isinstance(written, FunctionType):
            return "itself" if id(written) in self._inside else _printed(written, (*self._inside, id(written)))
        if isinstance(value, type):
            return f"class {value.__qualname__}"
        return f"module {value.__name__}" if isinstance(value, ModuleType) else None
