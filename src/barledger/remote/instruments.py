"""Instruments and series of a server's library: what there is to ask for."""

import builtins
from collections.abc import Mapping
from typing import Any

from barledger.domain.instrument import FACTS, Instrument
from barledger.domain.interval import parse_time
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import NotBarledger
from barledger.ledger.contract import SeriesState
from barledger.remote.connection import Connection
from barledger.remote.question import API
from barledger.remote.unserved import Unserved


class RemoteInstruments(Unserved):
    """Lists a server's instruments; answers are those of `InstrumentService`."""

    def __init__(self, connection: Connection) -> None:
        """Ask there."""
        super().__init__(connection.url, "bl.instruments")
        self._connection = connection

    def list(self, pattern: str | None = None) -> builtins.list[Instrument]:
        """Return every instrument that has bars, or that somebody spoke of by name, sorted; or those of a glob."""
        found = self._connection.pages(f"{API}/instruments", {"pattern": pattern})
        try:
            return [_instrument(one) for one in found]
        except (KeyError, ValueError, TypeError) as error:
            raise NotBarledger(url=self._url, detail=f"an answer on instruments lacks {error}") from None


def series_of(instrument: str, told: Mapping[str, Any]) -> SeriesState:
    """Return what a server tells of a series; raises `KeyError`, `ValueError` and `TypeError` for what is none."""
    frame = Timeframe.of(told["timeframe"])
    return SeriesState(
        series=Series.of(instrument, frame, told["source"], is_adjusted=told["is_adjusted"]),
        revision=int(told["revision"]),
        rows=int(told["rows"]),
        digest=bytes.fromhex(told["digest"]),
    )


def _instrument(told: Mapping[str, Any]) -> Instrument:
    facts = {name: told[name] for name in FACTS}
    times = ("first_trade", "last_trade")
    facts |= {name: parse_time(facts[name]) for name in times if facts[name] is not None}
    return Instrument(name=told["name"], origins=told["origins"], **facts)
