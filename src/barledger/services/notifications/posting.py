"""Posting: what services notice goes into the ledger, whatever becomes of it there."""

import logging

from barledger.domain.notice import Notice
from barledger.ledger.contract import Ledger

_log = logging.getLogger("barledger.notices")


class Poster:
    """Takes notices for the vault: it waits for no delivery, and fails nobody."""

    def __init__(self, ledger: Ledger, *, window: int, read_only: bool = False) -> None:
        """Fold repeats within ``window`` ns; a session that only reads leaves its notices to the log."""
        self._ledger = ledger
        self._window = window
        self._read_only = read_only

    def __call__(self, notice: Notice) -> None:
        """Keep the notice, or say in the log that it could not be kept."""
        if self._read_only:
            _log.warning("%s: %a (not kept: this session only reads)", notice.kind, notice.subject)
            return
        try:
            self._ledger.notices.post(notice, window=self._window)
        except Exception as error:  # noqa: BLE001 - what is noticed must not be undone by the telling
            _log.warning("%s: %a (not kept: %a)", notice.kind, notice.subject, str(error))
