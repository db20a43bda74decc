"""ReplyService: a request that is sent twice is answered once."""

import hashlib
from collections.abc import Callable
from typing import Final

from barledger.domain.timeframe import DAY, HOUR
from barledger.ledger.contract import Reply
from barledger.services.cache.vault import Vault

KEPT: Final = DAY
"""Answers are forgotten after so long (ns), and with them that the request was ever sent."""


class ReplyService:
    """Answers to requests that carry a key of their own."""

    def __init__(self, vault: Vault) -> None:
        """Work on this ledger."""
        self._vault = vault
        self._tidied = 0

    def once(
        self, owner: str, name: str, request: str, work: Callable[[], Reply], *, seconds: float
    ) -> tuple[Reply, bool]:
        """Return what ``work`` answers to a request, or answered when it was sent before, and whether it did.

        ``owner`` and ``name`` say which request it is, ``request`` all that it says, and ``seconds`` how long the work
        may take until somebody else may do it. What the work raises is not kept. Raises `IdempotencyReused`,
        `IdempotencyPending`, `ReadOnly`.
        """
        self._vault.check_writable()
        digest, replies = hashlib.sha256(request.encode()).digest(), self._vault.ledger.replies
        found = replies.claim(owner, name, digest, seconds=seconds)
        if found is not None:
            return found, True
        try:
            reply = work()
        except BaseException:
            replies.release(owner, name, digest)
            raise
        replies.keep(owner, name, digest, reply)
        self._tidy_sometimes()
        return reply, False

    def _tidy_sometimes(self) -> None:
        now = self._vault.ledger.now()
        if now - self._tidied > HOUR:
            self._tidied = now
            self.tidy()

    def tidy(self) -> int:
        """Forget old answers; returns how many."""
        return self._vault.ledger.replies.forget(self._vault.ledger.now() - KEPT)
