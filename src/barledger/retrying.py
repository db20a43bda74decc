"""Retries that are told of otherwise: what stamina logs of them is left out, of others' it logs as before."""

import logging
from contextvars import ContextVar
from typing import Final

TOLD: Final[ContextVar[bool]] = ContextVar("barledger_told", default=False)
"""Whether the retry that comes now is one that its owner has told of."""


def leave_out_told() -> None:
    """Leave out of stamina's log what is `TOLD`, from now on; to ask for it again changes nothing."""
    logging.getLogger("stamina").addFilter(_is_news)


def _is_news(_: logging.LogRecord) -> bool:
    return not TOLD.get()
