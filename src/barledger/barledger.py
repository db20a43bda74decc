"""BarLedger: a store, a ledger, sources and services, plugged together."""

import getpass
import os
import socket
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from barledger.channels.registry import ChannelRegistry
from barledger.domain.bars import Bars
from barledger.domain.change_policy import ChangePolicy, OnChange
from barledger.domain.interval import Instant
from barledger.domain.series import Series, check_name
from barledger.domain.validation import OnInvalid
from barledger.errors import Closed, Mismatch
from barledger.ledger.contract import Ledger, Snapshot
from barledger.opening import key_place, ledger_in, open_ledger, open_store, place_of
from barledger.services import reconciliation
from barledger.services.access import KeyService, ReplyService
from barledger.services.actions import CorporateActionService
from barledger.services.audit import AuditLog
from barledger.services.audit.evidence import Evidence
from barledger.services.availability import DataAvailabilityService
from barledger.services.backup import Copied, Progress, back_up, restore
from barledger.services.cache import DataCacheService
from barledger.services.cache.afterwards import Afterwards
from barledger.services.cache.commit import Written
from barledger.services.cache.history import Edition
from barledger.services.cache.vault import Patience, Vault, fits, introduce
from barledger.services.cache.verification import Verification
from barledger.services.events import EventService
from barledger.services.indicators import IndicatorService
from barledger.services.indicators.absences import Absences
from barledger.services.indicators.cache import IndicatorCache
from barledger.services.indicators.live import LiveService
from barledger.services.ingestion import Budget, DataIngestionService, Entry, IngestionReport
from barledger.services.ingestion.plan import Refresh
from barledger.services.ingestion.progress import Listener
from barledger.services.instruments import InstrumentService
from barledger.services.integrity import DataIntegrityService
from barledger.services.jobs import JobService
from barledger.services.notifications import NotificationService
from barledger.services.notifications.posting import Poster
from barledger.services.quality import LibraryVerification, QualityService, VerificationBudget
from barledger.services.reconciliation import Reconciled
from barledger.services.retrieval import DataRetrievalService
from barledger.services.schedule import ScheduleService
from barledger.services.takeover import TakenOver, take_over
from barledger.settings import Settings
from barledger.sources.contract import Source
from barledger.sources.registry import exchange_names, make_source, source_names
from barledger.stores.contract import Store
from barledger.timers.by_apscheduler import ApschedulerTimers


class BarLedger:
    """What `connect` gives: the services as attributes, and the verbs of every day as shortcuts to them."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        *,
        settings: Settings,
        read_only: bool = False,
        lent: Vault | None = None,
        computed: IndicatorCache | None = None,
    ) -> None:
        """Plug a store and its ledger together; a pair that does not fit can only be read.

        ``lent`` are both halves of another session, which goes on using them when this one is closed, and ``computed``
        is what it keeps of indicators.
        """
        self.settings = settings
        self._lent = lent is not None
        self.vault = lent or _plug(store, ledger, settings, read_only=read_only)
        self.notifications = NotificationService(self.vault, ChannelRegistry(), window=_window(settings))
        self.keys = KeyService(self.vault)
        self.replies = ReplyService(self.vault)
        self.instruments = InstrumentService(self.vault)
        self.cache = DataCacheService(self.vault)
        self.availability = DataAvailabilityService(self.vault, self.instruments)
        self.schedule = ScheduleService(self.vault, self, make_timers=ApschedulerTimers, lease=settings.schedule_lease)
        self.events = EventService(self.vault)
        self.jobs = JobService(self.vault, self, home=settings.home, most=settings.queue, lease=settings.schedule_lease)
        self.quality_metrics = QualityService(self.vault, self.instruments, self.availability)
        self.integrity = DataIntegrityService(
            self.vault,
            self.cache,
            self._make_source,
            self.instruments,
            quality=self.quality_metrics,
            source_names=lambda: (*source_names(), *exchange_names()),
        )
        self.ingestion = DataIngestionService(
            self.vault, self.cache, self._make_source, self.instruments, screen=self.integrity.screening
        )
        self.retrieval = DataRetrievalService(
            self.vault,
            self.instruments,
            availability=self.availability,
            ingestion=self.ingestion,
            before=self.schedule.before_backtest,
            indicators=lambda: self.indicators,
        )
        absences = Absences(self.vault, self.instruments, self.availability)
        self.indicators = IndicatorService(
            self.retrieval,
            self.vault,
            self.instruments,
            LiveService(self.vault, self.retrieval, self.ingestion, absences),
            absences,
            cache_bytes=settings.indicator_cache,
            cache=computed,
        )
        self.audit = AuditLog(self.vault, keys=key_place(ledger, settings), anchor=settings.anchor)
        self.actions = CorporateActionService(self.vault, self.cache, self.instruments, self.retrieval)

    # --- writing -------------------------------------------------------------------------------

    def ingest(  # noqa: PLR0913 - each option is a question of its own
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        source: str | Source,
        start: Instant | None = None,
        end: Instant | None = None,
        refresh: Refresh | None = None,
        on_change: ChangePolicy | OnChange | None = None,
        budget: Budget | None = None,
        on_invalid: OnInvalid = "raise",
        reason: str = "",
        progress: Listener | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> IngestionReport:
        """Fetch closed bars of [start, end) from a source and write what is new (`DataIngestionService.ingest`)."""
        return self.ingestion.ingest(
            instruments,
            timeframe,
            source=source,
            start=start,
            end=end,
            refresh=refresh,
            on_change=on_change,
            budget=budget,
            on_invalid=on_invalid,
            reason=reason,
            progress=progress,
            options=options,
        )

    def write(
        self,
        instrument: str,
        timeframe: str,
        data: Any,
        *,
        source: str,
        reason: str = "",
        expected_revision: int | None = None,
        on_invalid: OnInvalid = "raise",
        version: str = "latest",
        columns: Mapping[str, str] | None = None,
    ) -> Written:
        """Write bars of your own (`DataIngestionService.write`)."""
        return self.ingestion.write(
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

    def write_many(
        self,
        entries: Iterable[Entry | tuple[str, str, Any]],
        *,
        source: str,
        reason: str = "",
        on_invalid: OnInvalid = "raise",
    ) -> Written:
        """Write bars of several series as one revision (`DataIngestionService.write_many`)."""
        return self.ingestion.write_many(entries, source=source, reason=reason, on_invalid=on_invalid)

    def withdraw(
        self,
        instrument: str,
        timeframe: str,
        times: Instant | Sequence[Instant],
        *,
        source: str,
        reason: str,
        expected_revision: int | None = None,
    ) -> Written:
        """Withdraw bars; every earlier state keeps them (`DataCacheService.withdraw`)."""
        series = Series.of(instrument, timeframe, source)
        return self.cache.withdraw(series, times, reason=reason, expected_revision=expected_revision)

    # --- reading -------------------------------------------------------------------------------

    def bars(  # noqa: PLR0913 - the one call for strategies
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        lookback: int = 0,
        last: int | None = None,
        columns: Sequence[str] | None = None,
        known_within: str | timedelta | None = None,
        adjust: str | None = None,
        include_adjusted: bool = False,
        fetch_missing: bool = False,
        options: Mapping[str, Any] | None = None,
        purpose: str | None = None,
        strategy: str | None = None,
    ) -> Bars:
        """Return the bars of [start, end) at a version (`DataRetrievalService.bars`)."""
        return self.retrieval.bars(
            instrument,
            timeframe,
            start=start,
            end=end,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
            lookback=lookback,
            last=last,
            columns=columns,
            known_within=known_within,
            adjust=adjust,
            include_adjusted=include_adjusted,
            fetch_missing=fetch_missing,
            options=options,
            purpose=purpose,
            strategy=strategy,
        )

    def history(self, instrument: str, timeframe: str, time: Instant, *, source: str | None = None) -> list[Edition]:
        """Return every edition of one bar (`DataCacheService.history`)."""
        return self.cache.history(instrument, timeframe, time, source=source)

    # --- snapshots -----------------------------------------------------------------------------

    def snapshot(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        purpose: str = "backtest",
        strategy: str | None = None,
        source: str | None = None,
        id: str | None = None,  # noqa: A002 - the word that users know it by
    ) -> Snapshot:
        """Pin what these series hold now (`DataCacheService.snapshot`)."""
        return self.cache.snapshot(
            instruments,
            timeframes,
            start=start,
            end=end,
            purpose=purpose,
            strategy=strategy,
            source=source,
            id=id,
        )

    def verify(self, version: str) -> Verification:
        """Read a snapshot's bars again and compare them with its digests (`DataCacheService.verify`)."""
        return self.cache.verify(version)

    def verify_library(
        self, pattern: str = "*", *, budget: float | str | timedelta | VerificationBudget | None = None
    ) -> LibraryVerification:
        """Read bars again, those whose last check is the oldest first (`QualityService.verify_library`)."""
        return self.quality_metrics.verify_library(pattern, budget=budget)

    def evidence(self, version: str, path: str | Path) -> Evidence:
        """Write everything about a snapshot into one zip that anybody can verify (`AuditLog.evidence`)."""
        return self.audit.evidence(version, path)

    # --- copies --------------------------------------------------------------------------------

    def back_up(self, folder: str | Path, *, progress: Progress | None = None) -> Copied:
        """Copy store and ledger, as of one instant, into a folder that is a library of its own."""
        target = Path(folder).expanduser().absolute()
        store = open_store(str(target))
        try:
            return back_up(self.vault, store, ledger_in(target), open_ledger, progress=progress)
        finally:
            store.close()

    # --- mending -------------------------------------------------------------------------------

    def reconcile(
        self, how: Literal["adopt", "rebuild", "reconcile"], *, progress: Progress | None = None
    ) -> list[Reconciled]:
        """Make store and ledger fit each other again (`services.reconciliation`); open the library anew afterwards.

        ``adopt`` takes over a store that another ledger marked, ``rebuild`` fills an empty ledger, ``reconcile`` is for
        a store or a ledger that was set back. Raises `LedgerMismatch` if the situation is another one.
        """
        steps = {"adopt": reconciliation.adopt, "rebuild": reconciliation.rebuild}
        return steps.get(how, reconciliation.reconcile)(self.vault, progress=progress)

    def import_bucket(self, *, progress: Progress | None = None) -> list[TakenOver]:
        """Give bars that something else wrote into the bucket revision, edition and digests (`services.takeover`)."""
        # An unmarked bucket, which this session may not write, is what this is for.
        mismatch = fits(self.vault.store, self.vault.ledger)
        return take_over(replace(self.vault, mismatch=mismatch), progress=progress)

    # --- the session ---------------------------------------------------------------------------

    @property
    def actor(self) -> str:
        """Return in whose name this session acts, for the audit log."""
        return self.vault.actor

    def acting_as(self, actor: str) -> "BarLedger":
        """Return a session on the same store and ledger that acts in another name; closing it leaves this one open.

        Raises `InvalidName`.
        """
        vault = replace(self.vault, actor=check_name("actor", actor), afterwards=Afterwards())
        settings = self.settings.model_copy(update={"actor": actor})
        return BarLedger(vault.store, vault.ledger, settings=settings, lent=vault, computed=self.indicators.cache)

    def close(self) -> None:
        """Release the store and the ledger, unless they are lent; what is asked afterwards raises `Closed`."""
        if not self._lent:
            self.vault.store.close()
            self.vault.ledger.close()
        nothing: Any = _Nothing()
        self.cache = self.ingestion = self.retrieval = self.audit = self.instruments = nothing
        self.availability = self.integrity = self.quality_metrics = self.actions = nothing
        self.indicators = self.keys = self.replies = nothing
        self.notifications = self.schedule = self.jobs = self.events = nothing

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close at the end of it."""
        self.close()

    def __repr__(self) -> str:
        """Say which store and ledger these are."""
        return f"<BarLedger {self.vault.store.describe().location}, ledger {self.vault.ledger.location}>"

    def _make_source(self, name: str, options: Mapping[str, Any]) -> Source:
        if name == "sample":
            options = {"folder": self.settings.sample_dir, **options}
        return make_source(name, options)


def _plug(store: Store, ledger: Ledger, settings: Settings, *, read_only: bool) -> Vault:
    mismatch = fits(store, ledger) if read_only else introduce(store, ledger)
    if mismatch:
        warnings.warn(f"nothing can be written: {mismatch}; see `barledger ledger --help`", Mismatch, stacklevel=5)
    return Vault(
        store=store,
        ledger=ledger,
        actor=check_name("actor", settings.actor) if settings.actor else _whoever(),
        patience=Patience(lease=settings.lease, wait=settings.wait),
        mismatch=mismatch,
        read_only=read_only,
        notify=Poster(ledger, window=_window(settings), read_only=read_only),
    )


def _window(settings: Settings) -> int:
    """Return for how long (ns) notices that are alike are folded into one."""
    return int(settings.notice_window * 1e9)


def _whoever() -> str:
    """Return the user of the operating system, and which machine it is; a user without a name has a number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


class _Nothing:
    """What is left of the services of a closed library."""

    def __getattr__(self, name: str) -> Any:
        """Refuse whatever is asked."""
        raise Closed


def open_barledger(
    path_or_url: str | Path | None = None,
    *,
    token: str | None = None,
    org: str | None = None,
    ledger: str | None = None,
    actor: str | None = None,
    read_only: bool = False,
    accept_expiry: bool = False,
    settings: Settings | None = None,
) -> BarLedger:
    """Open a store and its ledger; see `barledger.connect`."""
    chosen = settings or Settings()
    if actor is not None:
        chosen = chosen.model_copy(update={"actor": check_name("actor", actor)})
    place = place_of(str(path_or_url) if path_or_url is not None else chosen.url, ledger or chosen.ledger, chosen)
    secret = chosen.token.get_secret_value() if token is None else token
    # The ledger comes first: a store that was made and has no ledger would look like somebody else's.
    mirrored = chosen.mirrored if place.mirrors else 0
    with ExitStack() as opened:
        made_ledger = open_ledger(place.ledger, mirrored=mirrored, read_only=read_only)
        opened.callback(made_ledger.close)
        store = open_store(
            place.store,
            secret,
            chosen.org if org is None else org,
            read_only=read_only,
            accept_expiry=accept_expiry or chosen.accept_expiry,
        )
        opened.callback(store.close)
        library = BarLedger(store, made_ledger, settings=chosen, read_only=read_only)
        opened.pop_all()
    return library


def restore_backup(
    folder: str | Path,
    path_or_url: str | Path,
    *,
    token: str = "",
    org: str = "",
    ledger: str = "",
    progress: Progress | None = None,
) -> Copied:
    """Copy a backup into an empty store and a new ledger; raises `NameTaken` if they are not empty."""
    place = place_of(str(path_or_url), ledger, Settings())
    with open_barledger(folder, read_only=True, ledger=ledger_in(Path(folder).expanduser().absolute())) as backup:
        store = open_store(place.store, token, org)
        try:
            return restore(backup.vault, store, place.ledger, progress=progress)
        finally:
            store.close()
