"""Leases: how long a writer may believe that a series is its own.

A writer asks its lease before each request, and lets no request outlast it. The lease is prolonged from time to time
by a heartbeat, so that a slow commit keeps it and a dead or stopped writer loses it.
"""

import logging
import os
import random
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final

from barledger.domain.interval import format_time
from barledger.errors import Busy, LeaseLost
from barledger.ledger.contract import Intent, Pending, Who
from barledger.services.cache.heartbeat import heartbeats
from barledger.services.cache.vault import Vault

_FIRST_NAP = 0.002
_LONGEST_NAP = 0.1
# Short waits are no news.
_SILENCE: Final = 1.0
_SECOND: Final = 1_000_000_000
_LOG: Final = logging.getLogger("barledger")


def steady_clock() -> float:
    """Return seconds on a clock that also runs while the machine sleeps, where there is one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Lease:
    """A pending revision and the time until which it is ours, reckoned from before the ledger was asked."""

    def __init__(self, vault: Vault, pending: Pending, asked_at: float) -> None:
        """Start at ``asked_at``, a reading of `steady_clock`."""
        self.pending = pending
        self._vault = vault
        self._until = asked_at + vault.patience.lease
        self._lock = Lock()

    @property
    def revision(self) -> int:
        """Return the revision that is being written."""
        return self.pending.revision

    def remaining(self) -> float:
        """Return the seconds left, perhaps below zero."""
        return self._until - steady_clock()

    def guard(self) -> float:
        """Return the seconds that the next request may take; raises `LeaseLost`."""
        if self.remaining() < self._vault.patience.lease / 2:
            self.extend()
        left = self.remaining()
        if left <= 0:
            raise LeaseLost(what=self._subject(), waited=-left)
        return left

    def extend(self) -> None:
        """Prolong the lease; raises `LeaseLost` if it is over."""
        with self._lock:
            asked_at = steady_clock()
            if asked_at >= self._until:
                raise LeaseLost(what=self._subject(), waited=asked_at - self._until)
            self.pending = self._vault.ledger.revisions.extend(self.pending, lease=self._vault.patience.lease)
            self._until = asked_at + self._vault.patience.lease

    def _subject(self) -> str:
        return ", ".join(str(state.series) for state in self.pending.states[:3])


@contextmanager
def holding(vault: Vault, intents: Sequence[Intent], who: Who) -> Iterator[Lease]:
    """Wait for the series, and hold them with a heartbeat; what becomes of the revision is up to the caller."""
    lease = _acquire(vault, intents, who)
    end = heartbeats().begin(lambda: _beat(lease), every=vault.patience.lease / 3)
    try:
        yield lease
    finally:
        end()


def _acquire(vault: Vault, intents: Sequence[Intent], who: Who) -> Lease:
    started = steady_clock()
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    nap, told = _FIRST_NAP, False
    while True:
        asked_at = steady_clock()
        pending = vault.ledger.revisions.begin(intents, who, lease=vault.patience.lease, owner=owner)
        if pending is not None:
            return Lease(vault, pending, asked_at)
        waited = steady_clock() - started
        if waited > vault.patience.wait:
            raise Busy(what=", ".join(str(intent.series) for intent in intents[:3]), waited=waited)
        if waited > _SILENCE and not told:
            told = _say_for_whom(vault, intents, waited)
        time.sleep(nap * random.uniform(0.5, 1.0))  # noqa: S311 - spreads writers, guards nothing
        nap = min(nap * 1.5, _LONGEST_NAP)


def _say_for_whom(vault: Vault, intents: Sequence[Intent], waited: float) -> bool:
    """Log whom this writer waits for, and until when at most; tells whether there was somebody."""
    holder = vault.ledger.revisions.holder([intent.series for intent in intents])
    if holder is None:
        return False
    latest = vault.ledger.now() + int((vault.patience.wait - waited) * _SECOND)
    _LOG.warning(
        "waiting for %s, which %s (%s: %s) is writing; if that writer is dead, it is overtaken after %s, and this one "
        "gives up at %s at the latest",
        holder.series,
        holder.owner,
        holder.actor,
        holder.operation,
        _to_the_second(holder.until),
        _to_the_second(latest),
    )
    return True


def _to_the_second(time: int) -> str:
    return format_time(time - time % _SECOND)


def _beat(lease: Lease) -> bool:
    try:
        lease.extend()
    except Exception:  # noqa: BLE001 - the writer itself finds out at its next guard, and reports it
        return False
    return True
