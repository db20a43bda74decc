"""InfluxDBClient: six methods over a library on InfluxDB, for programs that think in InfluxDB's terms."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import pandas as pd

from barledger.barledger import BarLedger, open_barledger
from barledger.domain.interval import Instant
from barledger.domain.series import check_name
from barledger.domain.validation import OnInvalid
from barledger.ledger.contract import Snapshot
from barledger.opening import influx_target
from barledger.services.cache.adjustments import AdjustmentReport
from barledger.services.cache.commit import Written
from barledger.services.cache.history import Versions
from barledger.services.cache.retention import RetentionReport
from barledger.services.cache.verification import Verification


class InfluxDBClient:
    """A versioned library of bars in one bucket of InfluxDB 1.x or 2.x."""

    def __init__(
        self,
        url: str,
        token: str,
        org: str,
        bucket: str = "market_data",
        *,
        ledger: str | None = None,
        actor: str | None = None,
        read_only: bool = False,
        accept_expiry: bool = False,
    ) -> None:
        """Connect to ``url`` (``http://host:8086``), making the bucket if there is none.

        On 1.x ``token`` is ``user:password`` or empty, and ``org`` is not used. Without ``ledger`` (an SQLAlchemy
        URL) the ledger is an SQLite file in ``BARLEDGER_HOME``, one for each URL and bucket. ``actor`` is who acts, for
        the audit log. Raises the errors of `barledger.connect`.
        """
        self._library: BarLedger = open_barledger(
            influx_target(url, check_name("bucket", bucket)),
            token=token,
            org=org,
            ledger=ledger,
            actor=actor,
            read_only=read_only,
            accept_expiry=accept_expiry,
        )

    def write_ohlcv(
        self,
        instrument: str,
        timeframe: str,
        data: Any,
        source: str,
        version: str = "latest",
        *,
        reason: str = "",
        expected_revision: int | None = None,
        on_invalid: OnInvalid = "raise",
        columns: Mapping[str, str] | None = None,
    ) -> Written:
        """Write bars in any form; a ``version`` other than latest is a named one, which never changes.

        ``expected_revision`` is the revision of the bars that the caller has read, from their ``attrs``. Raises
        `RevisionConflict` if they were changed since, `VersionImmutable` if the named version has other bars, and what
        `BarLedger.write` raises.
        """
        return self._library.write(
            instrument,
            timeframe,
            data,
            source=source,
            reason=reason,
            expected_revision=expected_revision,
            on_invalid=on_invalid,
            version=version,
            columns=columns,
        )

    def query_ohlcv(
        self,
        instrument: str,
        timeframe: str,
        start_date: Instant | None,
        end_date: Instant | None,
        version: str | Instant = "latest",
        *,
        source: str | None = None,
        is_adjusted: bool = False,
        adjust: str | None = None,
        include_adjusted: bool = False,
    ) -> pd.DataFrame:
        """Return open, high, low, close and volume of [start_date, end_date) by time in UTC.

        ``adjust`` (raw, splits or total) and ``include_adjusted`` are those of `DataRetrievalService.bars`.

        What the question resolved to (revision, digest, sources) is in the frame's ``attrs``.
        """
        bars = self._library.bars(
            instrument,
            timeframe,
            start=start_date,
            end=end_date,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
            adjust=adjust,
            include_adjusted=include_adjusted,
        )
        frame = bars.df
        frame.attrs |= {"revision": bars.revision, "digest": bars.digest}
        return frame

    def create_snapshot(
        self,
        instrument: str,
        timeframe: str,
        start_date: Instant | None,
        end_date: Instant | None,
        snapshot_id: str,
        strategy_id: str | None = None,
        *,
        purpose: str = "backtest",
        source: str | None = None,
    ) -> Snapshot:
        """Pin what the series holds now under ``snapshot_id``; raises `NameTaken`."""
        return self._library.snapshot(
            instrument,
            timeframe,
            start=start_date,
            end=end_date,
            purpose=purpose,
            strategy=strategy_id,
            source=source,
            id=snapshot_id,
        )

    def check_for_adjustments(
        self, instrument: str, timeframe: str, reference_date: Instant, *, source: str | None = None
    ) -> AdjustmentReport:
        """Tell from the editions which bars changed since ``reference_date``, by how much, and what it looks like."""
        return self._library.cache.adjustments(instrument, timeframe, reference_date, source=source)

    def get_data_versions(self, instrument: str, timeframe: str) -> list[Versions]:
        """Return, for each source, the revisions of the series and the snapshots that pin it."""
        return self._library.cache.versions(instrument, timeframe)

    def apply_retention_policy(
        self, policy_config: Sequence[Mapping[str, Any]] | Mapping[str, Any], *, dry_run: bool = False
    ) -> RetentionReport:
        """Apply a retention policy; returns what was deleted and what snapshots held back."""
        return self._library.cache.retain(policy_config, dry_run=dry_run)

    def delete_ohlcv(
        self,
        instrument: str,
        timeframe: str,
        times: Instant | Sequence[Instant],
        source: str,
        *,
        reason: str,
        expected_revision: int | None = None,
    ) -> Written:
        """Withdraw bars by their opening times; their editions stay readable."""
        return self._library.withdraw(
            instrument, timeframe, times, source=source, reason=reason, expected_revision=expected_revision
        )

    def verify_snapshot(self, snapshot_id: str) -> Verification:
        """Read a snapshot's bars again and compare them with its digests."""
        return self._library.verify(snapshot_id)

    def close(self) -> None:
        """Release the connections."""
        self._library.close()

    def __repr__(self) -> str:
        """Say which store and ledger these are, and nothing of the credentials."""
        return f"<InfluxDBClient on {self._library!r}>"

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close at the end of it."""
        self.close()
