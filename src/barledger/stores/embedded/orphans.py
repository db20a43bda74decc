"""Orphans: segments that no catalog names, left by processes that died before they committed."""

import time
from collections.abc import Container
from pathlib import Path
from typing import Final

from barledger.stores.embedded.segment import SUFFIX, is_orphan

# A writer makes its file a moment before it locks it.
_SETTLED: Final = 60.0


def orphans(segments: Path, named: Container[str]) -> list[Path]:
    """Return the files that nobody names and no living process is writing."""
    before = time.time() - _SETTLED
    unnamed = [path for path in segments.glob(f"*{SUFFIX}") if path.name not in named]
    return [path for path in unnamed if _older(path, before) and is_orphan(path)]


def remove_orphans(segments: Path, named: Container[str]) -> int:
    """Remove them, and return how many there were; the caller holds the writers' lock."""
    found = orphans(segments, named)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _older(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime < moment
    except FileNotFoundError:
        return False
