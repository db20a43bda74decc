"""Fail points: places at which a test may stop the process, to show that nothing is lost there.

Off, a point costs one look at a variable. ``BARLEDGER_FAIL_POINT=name`` (or ``name:n`` for the n-th time) kills the
process there as a power cut would, without any clean-up.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "BARLEDGER_FAIL_POINT"

_hook: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that the process is at ``point``."""
    if _hook is not None:
        _hook(point)


def install(hook: Callable[[str], None] | None) -> None:
    """Call ``hook`` at every point, or at none."""
    global _hook  # noqa: PLW0603 - a fail point must cost nothing when it is off
    _hook = hook


def killer(wanted: str) -> Callable[[str], None]:
    """Return a hook that kills this process at ``name`` or ``name:n``."""
    name, _, count = wanted.partition(":")
    reached: Counter[str] = Counter()

    def kill(point: str) -> None:
        reached[point] += 1
        if point == name and reached[point] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


if VARIABLE in os.environ:
    install(killer(os.environ[VARIABLE]))
