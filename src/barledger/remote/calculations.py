"""Calculations that arrive: values with their digest, and how far each column can be relied on."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.interval import Instant, format_time, parse_time
from barledger.errors import AnswerDamaged, BarledgerError, GapsUnseen, NoBars, NotBarledger
from barledger.indicators.calculation import Calculation, Standing
from barledger.indicators.definition import Policy
from barledger.remote.arriving import Table
from barledger.remote.connection import target_of
from barledger.remote.question import API, spoken, told_time
from barledger.remote.tables import TableReader
from barledger.services.indicators.preparing import Apart
from barledger.services.indicators.question import Question
from barledger.services.retrieval.request import ReadRequest

_PATH: Final = f"{API}/indicators/values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A calculation, and by which question and tag to ask whether it is still so."""

    calculation: Calculation
    target: str
    tag: str


class Asker:
    """Asks a server for indicators of one instrument."""

    def __init__(self, tables: TableReader) -> None:
        """Ask by this reader of tables."""
        self._tables = tables

    def ask(
        self,
        specs: Sequence[str],
        question: Question,
        *,
        start: Instant | None,
        end: Instant | None,
        nan_policy: Policy | None,
    ) -> Answered:
        """Return values whose digest is that which the server told; raises `AnswerDamaged` and the server's errors."""
        request = ReadRequest.of(version=question.version)
        query = {
            "instrument": question.instrument,
            "timeframe": question.timeframe.name,
            "indicators": list(specs),
            "start_date": None if start is None else told_time(parse_time(start)),
            "end_date": None if end is None else told_time(parse_time(end)),
            "last": question.last,
            "source": question.source,
            "version": spoken(request),
            "adjust": question.adjust,
            "anchor": None if question.anchor is None else format_time(question.anchor),
            "nan_policy": nan_policy,
        }
        target = target_of(_PATH, query)
        found = self._tables.ask(target)
        try:
            made = _calculation(found.table, found.headers["barledger-bars-digest"])
            expected = found.headers["barledger-digest"]
        except (KeyError, ValueError, TypeError) as error:
            if isinstance(error, BarledgerError):
                raise
            raise NotBarledger(url=self._tables.url, detail=f"an answer lacks what values need: {error}") from None
        if made.digest != expected:
            what = f"indicators of {question.instrument} {question.timeframe}"
            raise AnswerDamaged(what=what, expected=expected, found=made.digest)
        if warned := found.table.metadata.get("barledger.warning", ""):
            warnings.warn(warned, GapsUnseen if made.provenance["used_rows"] else NoBars, stacklevel=4)
        return Answered(calculation=made, target=target, tag=found.tag)

    def same(self, answered: Answered) -> bool:
        """Tell whether an answer is still so."""
        return self._tables.same(answered.target, answered.tag)


def _calculation(table: Table, bars_digest: str) -> Calculation:
    told = table.provenance
    apart = Apart(
        standings={one["name"]: _standing(one) for one in told["standings"]},
        provenance=told["told"],
        bars_digest=bars_digest,
    )
    return Calculation(
        time=table.column("time"),
        columns={name: table.column(name) for name in table.columns if name != "time"},
        told=lambda: apart,
    )


def _standing(told: dict[str, Any]) -> Standing:
    values = {name: value for name, value in told.items() if name != "name"}
    times = {name: None if told[name] is None else int(told[name]) for name in ("anchor", "restarted")}
    return Standing(**{**values, **times})
