"""DataRetrievalService: bars for a caller, with what they resolved to."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.errors import BarledgerError, NoBars
from barledger.services.audit.receipts import reader_of, receive, shown
from barledger.services.cache.cut import Keep
from barledger.services.cache.vault import Vault
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval import dataset as datasets
from barledger.services.retrieval import export as exports
from barledger.services.retrieval import files
from barledger.services.retrieval import lock as locks
from barledger.services.retrieval.adjusting import Adjuster
from barledger.services.retrieval.answering import answer
from barledger.services.retrieval.collection import BarsBySeries
from barledger.services.retrieval.completing import Completer
from barledger.services.retrieval.dataset import Dataset, Reproduction
from barledger.services.retrieval.export import Export, ExportCheck
from barledger.services.retrieval.fetching import (
    AvailabilityService,
    Fetcher,
    IngestionService,
)
from barledger.services.retrieval.indicated import IndicatorsOf, Wish
from barledger.services.retrieval.lock import FILE, Checked
from barledger.services.retrieval.manifest import Manifest
from barledger.services.retrieval.nothing import told_of_nothing
from barledger.services.retrieval.panel import PanelShape, panel
from barledger.services.retrieval.pinning import Backtest, Pinner
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.scroll import PORTION, Bookmark, Scroll, open_scroll, open_scrolls
from barledger.services.retrieval.sealing import Sealer
from barledger.services.retrieval.selection import Name, names_of, read_views, select
from barledger.services.retrieval.view import Stretch, View, told_window
from barledger.services.retrieval.walking import Met, Walk, views_of

if TYPE_CHECKING:
    import pandas as pd


class DataRetrievalService:
    """Reads any state of any series, from one source or by priority: one, several, or all in one frame."""

    def __init__(
        self,
        vault: Vault,
        instruments: InstrumentService | None = None,
        *,
        availability: AvailabilityService | None = None,
        ingestion: IngestionService | None = None,
        before: Callable[..., object] | None = None,
        indicators: Callable[[], IndicatorsOf] | None = None,
    ) -> None:
        """Work on this store and ledger; what is missing is found and fetched by these services.

        ``before`` is called with the strategy and the names before a dataset is pinned. ``indicators`` gives who
        computes those of datasets, once somebody wants some.
        """
        self._indicators = indicators
        self._vault = vault
        self._instruments = instruments or InstrumentService(vault)
        self._completer = Completer(vault, self._instruments, Fetcher(vault, availability, ingestion))
        self._adjuster = Adjuster()
        self._sealer = Sealer(vault, self._instruments, self._adjuster)
        self._pinner = Pinner(vault, self._completer, self._sealer, before=before, bars=self.bars, panel=self.panel)

    # --- one series ----------------------------------------------------------------------------

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
        """Return the bars of [start, end) at a version.

        ``is_adjusted`` asks for bars that the source itself had adjusted. A named source that has no bars of the series
        gives none, and the warning `NoBars`; so does a version from before its first bars were written.

        ``lookback`` adds so many bars before the start, as far as there are any; ``last`` gives only the newest ones.
        ``columns`` are those of frames; the bars and their digest stay whole. ``known_within`` (``1d``, ``30m``) gives
        each bar as it was known that long after its close: the newest edition committed by then. A bar of which nothing
        was committed by then comes in its first edition and is False in the column ``observed``; one that had been
        withdrawn by then is left out.

        ``adjust`` gives prices as they were traded (``raw``), in the newest shares (``splits``), or less what was paid
        besides (``total``), by the corporate actions that were known in this state; OpenBB's words do as well. Without
        it bars are as they are stored. ``adjustment_factor`` says by what a stored price was multiplied.
        ``include_adjusted`` leaves the bars as they are stored, and puts adj_open, …, adj_volume and
        adjustment_factor beside them, for ``total`` unless ``adjust`` says otherwise. See `domain.adjustment`.

        ``fetch_missing`` fetches what is missing of the interval and of the lookback before it reads, from the source,
        or those by priority, with the source's ``options``; bars that are still missing then are in the provenance, and
        said by the warning `Incomplete`; so is a lookback that is shorter than it was asked for, whatever the reason.

        With ``strategy``, and what the read is for as ``purpose`` (``live``), the audit log keeps a receipt of what was
        shown: the revision and the digest. It is in the provenance, and found by `AuditLog.receipts`. A library that is
        open for reading alone raises `ReadOnly`.

        Raises `SeriesNotFound`, `AmbiguousSource`, `VersionNotFound`, `RevisionExpired`, `FutureTime`,
        `InvalidSetting` for options that contradict each other, `CannotAdjust`, and `StoreDamaged` or `StoreDiverged`
        rather than wrong bars.
        """
        reader = reader_of(self._vault, strategy, purpose)
        request = ReadRequest.of(
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
        )
        names = names_of(instrument, timeframe)
        fetched = self._completer.fetch(names, request, wanted=fetch_missing, options=options)
        (view,) = select(self._vault, self._instruments, names, request)
        (stretch,) = read_views([view], request)
        self._say_if_nothing(view, stretch, request)
        (notes,) = self._completer.notes(fetched, [view], [stretch], request)
        answered = answer(self._adjuster, view, stretch, request, {**told_window(request, stretch), **notes})
        return shown(self._vault, reader, [answered])[0]

    def scroll(  # noqa: PLR0913 - the wishes of `bars`
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
        bookmark: Bookmark | None = None,
        portion: int = PORTION,
    ) -> Scroll:
        """Resolve a question for bars now, and read them later, in portions or pages, all of this state.

        The wishes are those of `bars`; a ``bookmark`` goes on where a page ended. About
        ``portion`` bars are held at once. Raises as `bars` does, when it is
        resolved or when it is read, and `InvalidCursor`.
        """
        request = ReadRequest.of(
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
        )
        (name,) = names_of(instrument, timeframe)
        return open_scroll(
            self._vault, self._instruments, self._adjuster, name, request, bookmark=bookmark, portion=portion
        )

    # --- several series ------------------------------------------------------------------------

    def bars_of(  # noqa: PLR0913 - the same wishes for several series
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
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
    ) -> BarsBySeries:
        """Return the bars of every instrument at every timeframe, all of one consistent cut; see `bars`.

        The newest state is resolved once for all of them, so a commit in between shows in none. A receipt, if one is
        asked for, is one entry about all of them.
        """
        reader = reader_of(self._vault, strategy, purpose)
        request = ReadRequest.of(
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
        )
        names = names_of(instruments, timeframes)
        fetched = self._completer.fetch(names, request, wanted=fetch_missing, options=options)
        views, stretches = self._read(names, request)
        notes = self._completer.notes(fetched, views, stretches, request)
        bars = [
            answer(self._adjuster, view, stretch, request, {**told_window(request, stretch), **told})
            for view, stretch, told in zip(views, stretches, notes, strict=True)
        ]
        return BarsBySeries({(one.instrument, one.timeframe.name): one for one in shown(self._vault, reader, bars)})

    def walk(
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        lookback: int = 0,
        adjust: str | None = None,
        rows: int = 500_000,
    ) -> Iterator[list[Met]]:
        """Give the bars of many instruments in portions of about so many rows, all of one consistent cut.

        The state is resolved at once, and bars are read as they are asked for. An instrument that cannot be read gives
        its error instead, and stops no other. Raises `InvalidSetting` and what else is wrong with the question.
        """
        request = ReadRequest.of(start=start, end=end, source=source, version=version, lookback=lookback, adjust=adjust)
        views = views_of(self._vault, self._instruments, names_of(instruments, [timeframe]), request)
        return iter(Walk(views=views, request=request, adjuster=self._adjuster, say=self._say_if_nothing, rows=rows))

    def unreadable(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
    ) -> dict[tuple[str, str], BarledgerError]:
        """Return why bars cannot be read, by instrument and timeframe, as far as it is known before any are read.

        That is that there are none, or not at this version, or that of several sources none is chosen.
        """
        request = ReadRequest.of(start=start, end=end, source=source, version=version, adjust=adjust)
        views = views_of(self._vault, self._instruments, names_of(instruments, timeframes), request)
        return {(name, frame.name): one for (name, frame), one in views.items() if isinstance(one, BarledgerError)}

    def panel(  # noqa: PLR0913 - the same wishes, and how to align
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        field: str | None = None,
        fields: Sequence[str] | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        lookback: int = 0,
        last: int | None = None,
        known_within: str | timedelta | None = None,
        adjust: str | None = None,
        align: str = "union",
        fill: str | None = None,
        limit: int | None = None,
        purpose: str | None = None,
        strategy: str | None = None,
    ) -> "pd.DataFrame":
        """Return one frame: a row for each time (UTC), a column for each instrument, all of one consistent cut.

        ``field`` (``close``) gives plain columns, ``fields`` columns of (field, instrument). ``align`` gives the rows:
        the times at which any instrument has a bar (``union``), those at which all have one (``intersection``), or
        those at which a calendar of any of them expects one (``calendar``; other bars are left out, and counted).
        Where an instrument has no bar, or the bar no such value, there is NaN. ``fill="ffill"`` with ``limit=n`` lets a
        value stand in for up to n missing ones after it, never one of volume. Prices stay in the instruments' own
        currencies. What it resolved to is in ``attrs["panel"]``, which cannot be changed, with the receipt, if one is
        asked for: it is about the bars of which the panel is made. Raises as `bars` does.
        """
        reader = reader_of(self._vault, strategy, purpose)
        request = ReadRequest.of(
            start=start,
            end=end,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
            lookback=lookback,
            last=last,
            known_within=known_within,
            adjust=adjust,
        )
        shape = PanelShape.of(
            field=field, fields=fields, align=align, fill=fill, limit=limit, closes=request.adjust is not None
        )
        # The digests that a receipt has are over whole bars.
        whole = (shape.keep,) if reader is None else ()
        views, stretches = self._read(names_of(instruments, [timeframe]), request, *whole)
        notes: dict[str, Any] = {}
        if reader is not None:
            bars = [answer(self._adjuster, *one, request, {}) for one in zip(views, stretches, strict=True)]
            notes = {"receipt": receive(self._vault, reader, bars).note}
        if request.adjust is not None:
            stretches = [
                self._adjuster.adjust(view, stretch, request.adjust).stretch
                for view, stretch in zip(views, stretches, strict=True)
            ]
        return panel(views, stretches, request, shape, notes=notes)

    # --- datasets ------------------------------------------------------------------------------

    def dataset(  # noqa: PLR0913 - the whole flow of a backtest
        self,
        *,
        strategy: str,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        start: Instant,
        end: Instant | None = None,
        lookback: int = 0,
        snapshot: str = "backtest",
        source: str | None = None,
        adjust: str | None = None,
        indicators: str | Sequence[str] = (),
        nan_policy: str | None = None,
        id: str | None = None,  # noqa: A002 - the word that users know it by
        fetch_missing: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Fetch what is missing, pin everything under one snapshot, and only then hand out bars.

        ``snapshot`` is its purpose, ``id`` its name; without an end it reaches up to the last closed bar. Bars that are
        still missing, of the lookback too, are in ``missing``, and said by the warning `Incomplete`. With ``adjust``
        its bars are handed out so, which is kept with it.

        With ``indicators`` as many bars before the start are pinned as settle their values, so that these follow from
        the snapshot alone and are those that `IndicatorService.calculate` gives; they are sealed under the same digest
        (`Dataset.indicators`, `Dataset.frame`). For what counts from a series' first bar, such as OBV, all of it is
        pinned. Raises what `bars`, `snapshot` and `IndicatorService.calculate` raise.
        """
        names, wish = names_of(instruments, timeframes), Wish.of(indicators, nan_policy, self._indicators)
        back = lookback if wish is None else max(lookback, wish.lookback([instrument for instrument, _ in names]))
        request = ReadRequest.of(start=start, end=end, source=source, lookback=back, adjust=adjust)
        return self._pinner.pinned(
            Backtest(
                strategy=strategy,
                names=names,
                request=request,
                purpose=snapshot,
                id=id,
                wish=wish,
                fetching=(options or {}) if fetch_missing else None,
            )
        )

    def reproduce(self, id: str, *, manifest: str | Path | Manifest | None = None) -> Reproduction:  # noqa: A002 - as above
        """Tell whether this library has the same bytes as a dataset, by reading and digesting its bars again.

        A ledger that does not know the snapshot needs the manifest that `Dataset.save_manifest` wrote: the bars are
        then those at the same revisions, if this is a copy of that ledger, else the newest ones of the same series.
        Raises `VersionNotFound` and `InvalidSetting`.
        """
        return datasets.reproduce(self._vault, id, manifest, self._sealer, self._indicators)

    # --- locks ---------------------------------------------------------------------------------

    def lock(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        file: str | Path | None = FILE,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        strategy: str = "",
        adjust: str | None = None,
    ) -> Manifest:
        """Write which data a strategy relies on, with their digests, to a file for its repository.

        The same data give the same bytes. ``version`` is latest, a revision, a time, or a snapshot's id, which is
        locked as it is pinned. With ``adjust`` the adjusted bars are locked besides, with what is known of corporate
        actions. Without a ``file`` nothing is written. Raises `InvalidSetting`, `SeriesNotFound` for a
        series or stretch without any bars, of which there is nothing to rely on, and what `bars` raises.
        """
        request = ReadRequest.of(start=start, end=end, source=source, version=version, adjust=adjust)
        locks.check_one_state(request)
        views = select(self._vault, self._instruments, names_of(instruments, timeframes), request)
        manifest = locks.manifest_of(self._vault, views, request, self._sealer, strategy=strategy)
        if file is not None:
            manifest.save(file)
        return manifest

    def check(self, file: str | Path = FILE, *, latest: bool = False) -> Checked:
        """Read the data behind a lock again, and compare them with its digests.

        That they have newer states since is told in ``moved``, and is an error only if ``latest`` asks for it. Raises
        `LockBroken`, and `InvalidSetting` for a file that is no lock.
        """
        return locks.check(self._vault, file, self._sealer, latest=latest, service=self._indicators)

    # --- files ---------------------------------------------------------------------------------

    def export(  # noqa: PLR0913 - which bars, and how to write them
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        folder: str | Path,
        format: str = "parquet",  # noqa: A002 - the word that users know it by
        style: str = files.OWN,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        adjust: str | None = None,
        progress: exports.Progress | None = None,
    ) -> Export:
        """Write a file for each series (``csv``, ``parquet`` or ``arrow``) and a manifest of their digests.

        ``style`` is barledger's own, or one of `domain.style`. Bars are read and written portion by portion, all of
        one consistent cut; ``progress`` is told how many files and bars there are. Raises `NotEmpty` rather than
        overwrite a file, `InvalidSetting`, and what `bars` raises.
        """
        files.check_format(format)
        files.check_file_style(style)
        request = ReadRequest.of(
            start=start, end=end, source=source, version=version, is_adjusted=is_adjusted, adjust=adjust
        )
        names = names_of(instruments, timeframes)
        return exports.export(
            open_scrolls(self._vault, self._instruments, self._adjuster, names, request),
            [(instrument, frame.name) for instrument, frame in names],
            Path(folder).expanduser(),
            kind=format,  # type: ignore[arg-type]
            style=style,
            ledger=self._vault.ledger.id,
            mode=request.adjust,
            newest=version == "latest",
            progress=progress,
        )

    def verify_export(self, manifest: str | Path) -> ExportCheck:
        """Read the files of an export again and compare their bars with its manifest, or the one in a folder."""
        return exports.verify_export(manifest)

    # --- parts ---------------------------------------------------------------------------------

    def _read(
        self, names: Sequence[Name], request: ReadRequest, keep: Keep = lambda rows: rows
    ) -> tuple[list[View], list[Stretch]]:
        views = select(self._vault, self._instruments, names, request)
        stretches = read_views(views, request, keep)
        for view, stretch in zip(views, stretches, strict=True):
            self._say_if_nothing(view, stretch, request)
        return views, stretches

    def _say_if_nothing(self, view: View, stretch: Stretch, request: ReadRequest) -> None:
        read_at = max((part.revision for part in stretch.parts), default=0)
        told = told_of_nothing(view, request, rows=len(stretch.rows), revision=read_at)
        if told:
            warnings.warn(told, NoBars, stacklevel=4)
