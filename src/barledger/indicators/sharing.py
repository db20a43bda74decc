"""Sharing: parts of a short piece of work, done by threads that are kept for it."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def shared_out(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Return what becomes of each part, in order.

    This thread does its share, since waking another takes a tenth of a millisecond; making one takes several
    times that. The work is that of a kernel: it frees the interpreter, raises nothing, and shares nothing out itself.
    """
    threads = min(len(parts), os.cpu_count() or 1)
    ends = [len(parts) * number // threads for number in range(threads + 1)] if threads else []
    mine, *others = [parts[begin:end] for begin, end in pairwise(ends)] or [parts]
    theirs = [_others().submit(lambda some: [*map(work, some)], some) for some in others]
    return [*map(work, mine), *(found for one in theirs for found in one.result())]


@cache
def _others() -> ThreadPoolExecutor:
    """Return the threads of this process; a fork has none of its parent's."""
    return ThreadPoolExecutor(max((os.cpu_count() or 1) - 1, 1), thread_name_prefix="barledger-share")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_others.cache_clear)
