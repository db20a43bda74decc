"""Tampering: flipping one byte of a stored bar, for the demo to show what happens then."""

from pathlib import Path


def flip_a_byte(folder: Path) -> str:
    """Flip a bit in the middle of the largest segment of an embedded library; returns where."""
    segment = max((folder / "store" / "segments").glob("*.seg"), key=lambda path: path.stat().st_size)
    data = bytearray(segment.read_bytes())
    # The first third of a segment is bars for certain: its index is at the end.
    at = len(data) // 3
    data[at] ^= 1
    segment.write_bytes(data)
    return f"byte {at:,} of {segment.name}"
