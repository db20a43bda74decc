"""Kernels: loops over bars, compiled to machine code when they are first needed."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from barledger.errors import DriverMissing
from barledger.indicators.definition import Floats

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def compiled(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Compile a function when it is first called, and keep the machine code on disk; raises `DriverMissing`.

    A division by zero gives what IEEE 754 says. Sums keep their order, so that a value has the same bits whatever is
    computed beside it. A kernel calls only what is in its own file: what is kept on disk is renewed when that changes.
    """
    try:
        from numba import njit  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DriverMissing(package="numba", extra="indicators") from error
    try:
        made = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        # Neither the package's folder nor the user's can be written to: compiled anew in each process.
        made = njit(nogil=True, error_model="numpy")(function)
    return cast("Callable[_Given, _Result]", made)


def sealed(values: Floats) -> Floats:
    """Return values as kernels take them: read-only, so that each kernel is compiled for one kind of array only."""
    if not values.flags.writeable:
        return values
    view = values.view()
    view.flags.writeable = False
    return view
