"""The log on the command line: what the library logs is said on stderr."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from barledger.domain.interval import format_time
from barledger.domain.timeframe import SECOND


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


class _News(logging.Handler):
    """Says what is no warning as a line with its time; warnings are said anyway."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say a record."""
        if record.levelno < logging.WARNING:
            sys.stderr.write(f"{format_time(time.time_ns() // SECOND * SECOND)} {record.getMessage()}\n")
            sys.stderr.flush()


@contextmanager
def told(name: str) -> Iterator[None]:
    """Say on stderr what one part of the library tells of its course meanwhile."""
    log, news = logging.getLogger(name), _News(logging.INFO)
    before = log.level
    log.addHandler(news)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(news)
        log.setLevel(before)
