"""The log on the command line: what the library logs is said on stderr."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Notes(logging.Handler):
    """Says each record as a line, wherever stderr is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say a record."""
        sys.stderr.write(f"{record.getMessage()}\n")


@contextmanager
def said() -> Iterator[None]:
    """Say on stderr what the library logs meanwhile."""
    log, notes = logging.getLogger("barledger"), _Notes(logging.WARNING)
    log.addHandler(notes)
    try:
        yield
    finally:
        log.removeHandler(notes)
