"""A sink that writers fill, and that is emptied after each portion."""

import io


class Sink(io.RawIOBase):
    """Collects what is written, and counts it as a file would."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self._parts: list[memoryview] = []
        self._size = 0

    def writable(self) -> bool:
        """Take bytes."""
        return True

    def write(self, data: object) -> int:
        """Take some bytes."""
        # Arrow hands over what nobody changes any more, so that it need not be copied.
        part = memoryview(data)  # type: ignore[arg-type]  # whatever has the buffer protocol
        self._parts.append(part)
        self._size += part.nbytes
        return part.nbytes

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size

    def taken(self) -> bytes:
        """Return what was written since this was asked last."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
