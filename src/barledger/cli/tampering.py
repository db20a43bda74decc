"""Tampering: flipping one byte of a stored bar, for the demo to show what happens then."""

from collections.abc import Callable
from pathlib import Path


def flip_a_byte(folder: Path, matters: Callable[[], bool]) -> str:
    """Flip a bit in the middle of a segment of an embedded library, one in which it ``matters``; returns where."""
    segments = sorted((folder / "store" / "segments").glob("*.segment"), key=lambda path: -path.stat().st_size)
    for segment in segments:
        at = segment.stat().st_size // 2
        _flip(segment, at)
        if matters() or segment == segments[-1]:
            return f"byte {at:,} of {segment.name}"
        _flip(segment, at)
    return "nothing, since there is no segment"


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
