"""CorporateActionService: what happened to instruments, who says so, and since when it is known."""

import builtins
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from barledger.domain.action import CorporateAction, evidence_of
from barledger.domain.adjustment import mode_of
from barledger.domain.instrument import DECLARED
from barledger.domain.interval import Instant, format_time, parse_time
from barledger.domain.series import Series, check_name, normalise_instrument
from barledger.errors import ActionKnown, ActionNotFound, BarledgerError, InvalidAction, InvalidSetting, NotRefreshed
from barledger.ledger.contract import Materialised
from barledger.services.actions.declaration import day_of, declared, kind_of
from barledger.services.actions.materialising import Materialisation, check_free, end, materialise, original_of
from barledger.services.actions.plausibility import Plausibility
from barledger.services.actions.tables import read_actions
from barledger.services.cache import DataCacheService
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval import DataRetrievalService


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file of actions brought: ``same`` were known already."""

    file: str
    new: int
    changed: int
    same: int

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.new:,} new, {self.changed:,} changed, {self.same:,} the same, from {self.file}"


class CorporateActionService:
    """Keeps corporate actions of all sources, and what people say of them; nothing known is ever overwritten.

    What a person declares wins over every source, be it an action or that there was none (`domain.preference`).
    """

    def __init__(
        self, vault: Vault, cache: DataCacheService, instruments: InstrumentService, retrieval: DataRetrievalService
    ) -> None:
        """Work on this store and ledger; adjusted series are read and written by these services."""
        self._vault = vault
        self._cache = cache
        self._instruments = instruments
        self._retrieval = retrieval
        self._plausibility = Plausibility(vault=vault, instruments=instruments)
        vault.afterwards.tell(follow=self.follow)

    # --- looking -------------------------------------------------------------------------------

    def list(
        self,
        instrument: str | None = None,
        *,
        kind: str | None = None,
        source: str | None = None,
        known_at: Instant | None = None,
    ) -> builtins.list[CorporateAction]:
        """Return what is known now, or was at a time, of an instrument or of all, by instrument and ex-date.

        Each source's word is one; `Bars.actions` of adjusted bars are those that count. What was withdrawn is left out.
        """
        meant = None if kind is None else kind_of(kind)
        found = self._vault.ledger.actions.list(
            instrument=None if instrument is None else normalise_instrument(instrument),
            source=source,
            known_at=None if known_at is None else parse_time(known_at),
        )
        return [one for one in found if meant in (None, one.kind)]

    def history(self, instrument: str, *, kind: str | None = None) -> builtins.list[CorporateAction]:
        """Return all that was ever known of an instrument, superseded and withdrawn ones too, by when it was known."""
        meant = None if kind is None else kind_of(kind)
        found = self._vault.ledger.actions.history(normalise_instrument(instrument))
        return [one for one in found if meant in (None, one.kind)]

    # --- saying --------------------------------------------------------------------------------

    def add(
        self,
        instrument: str,
        kind: str,
        ex_date: Instant,
        *,
        value: float | str | None = None,
        currency: str = "",
        source: str = DECLARED,
        symbol: str = "",
        symbol_at: str | Sequence[str] = (),
        reason: str = "",
    ) -> CorporateAction:
        """Say that something happened: from ``ex_date`` on, bars trade without it.

        ``value`` is new shares per old one of a split (2, ``7:1``), below 1 of a ``reverse_split`` (0.1, ``1:10``),
        new shares on top of a stock dividend (0.05), and the amount per share of a payment, in ``currency`` or else
        that of the prices. ``symbol`` is the new one of a symbol change; the sources ``symbol_at`` call the instrument
        so from the ex-date on (`InstrumentService.name`). To say the same again changes nothing. Raises
        `InvalidAction`, also if something else is said of it already, or a payment is not below the price before;
        `SymbolTaken`; `ReadOnly`. An instrument that nobody knows warns with `NoBars`, and a split that held bars
        do not count though their source adjusts them `NotCounted`.
        """
        self._vault.check_writable()
        sources = [symbol_at] if isinstance(symbol_at, str) else [*symbol_at]
        if sources and not symbol:
            raise InvalidAction(reason="symbol_at names who uses a new symbol, and there is none")
        action = declared(
            instrument,
            kind,
            ex_date,
            value=value,
            currency=currency,
            source=source,
            symbol=symbol,
            symbol_at=" ".join(sources),
            reason=reason,
            by=self._vault.actor,
        )
        self._plausibility.check_new(action)
        known = self._find(action.instrument, action.kind, action.ex_date, source)
        if known is not None and (known.value, known.currency, known.symbol) != value_of(action):
            raise ActionKnown(reason=f"{known} is known already")
        self._plausibility.warn_of_strangers([(action.instrument, "")])
        if known is None:
            self._plausibility.warn_of_uncounted([action])
        for one in sources:
            self._instruments.name(action.instrument, one, symbol, start=action.ex_date, reason=reason)
        self._record([action], "add-action", reason)
        return self._standing(action)

    def correct(
        self,
        instrument: str,
        kind: str,
        ex_date: Instant,
        *,
        value: float | str | None = None,
        currency: str | None = None,
        moved_to: Instant | None = None,
        reason: str,
    ) -> CorporateAction:
        """Say better what somebody tells of: another value or currency, or another ex-date (``moved_to``).

        It is declared, and so holds when the source tells it wrongly again. Raises `ActionNotFound` and
        `InvalidAction`, and `InvalidName` without a reason.
        """
        self._vault.check_writable()
        check_name("reason", reason)
        known = self._told(instrument, kind, ex_date)
        if value is None and currency is None and moved_to is None:
            raise InvalidAction(reason="nothing is corrected: give value, currency or moved_to")
        better = declared(
            known.instrument,
            kind,
            known.ex_date if moved_to is None else moved_to,
            value=known.value if value is None else value,
            currency=known.currency if currency is None else currency,
            source=DECLARED,
            symbol=known.symbol,
            known=True,
            reason=reason,
            by=self._vault.actor,
            was=known.summary,
        )
        self._plausibility.check(better)
        self._plausibility.warn_of_uncounted([better])
        news = [better]
        if better.ex_date != known.ex_date:
            news.append(self._denial(known, reason))
        self._record(news, "correct-action", reason)
        return self._standing(better)

    def withdraw(
        self, instrument: str, kind: str, ex_date: Instant, *, source: str | None = None, reason: str
    ) -> CorporateAction:
        """Say that there was no such action, whoever tells of it now or later; `undeclare` takes that back.

        With a ``source``, only that source's word is withdrawn, until it tells it again. Returns what was known of it.
        Raises `ActionNotFound`, and `InvalidName` without a reason.
        """
        self._vault.check_writable()
        check_name("reason", reason)
        known = self._told(instrument, kind, ex_date, source)
        gone = self._denial(known, reason) if source in (None, DECLARED) else self._taken_back(known, reason)
        self._record([gone], "withdraw-action", reason)
        named = {(one.source, one.native) for one in self._instruments.names(known.instrument)}
        for user in known.told.get("symbol_at", "").split():
            if (user, known.symbol) in named:
                self._instruments.unname(known.instrument, user, known.symbol, reason=reason)
        return known

    def undeclare(self, instrument: str, kind: str, ex_date: Instant, *, reason: str) -> CorporateAction:
        """Take back what was declared of an action, or that there was none; what sources tell counts again.

        Raises `ActionNotFound`, and `InvalidName` without a reason.
        """
        self._vault.check_writable()
        check_name("reason", reason)
        name, meant, at = normalise_instrument(instrument), kind_of(kind), day_of(ex_date)
        listed = self._vault.ledger.actions.list(instrument=name, source=DECLARED, denials=True)
        known = next((one for one in listed if (one.kind, one.ex_date) == (meant, at)), None)
        if known is None:
            raise ActionNotFound(instrument=name, action=f"{kind} on {format_time(at)}", hint=" that was declared")
        self._record([self._taken_back(known, reason)], "undeclare-action", reason)
        return known

    def import_csv(self, path: str | Path, *, source: str = DECLARED, reason: str = "") -> Imported:
        """Take all actions of a CSV file, or none; the columns are in `services.actions.tables`.

        What is known already is left as it is, other values supersede what was known. Raises `ActionsRejected`, which
        names each bad line, `InvalidSetting` for a file that cannot be read, and `ReadOnly`. Instruments that nobody
        knows give the warning `NoBars`, with their lines.
        """
        self._vault.check_writable()
        listed = read_actions(
            path, source=check_name("source", source), by=self._vault.actor, check=self._plausibility.check_new
        )
        self._plausibility.warn_of_strangers([(one.instrument, f" (line {one.told['line']})") for one in listed[::-1]])
        known = {_key(one): one for one in self._vault.ledger.actions.list(source=source)}
        self._plausibility.warn_of_uncounted([one for one in listed if _key(one) not in known])
        told = [known.get(_key(one)) for one in listed]
        same = sum(one is not None and value_of(one) == value_of(new) for one, new in zip(told, listed, strict=True))
        new = sum(one is None for one in told)
        self._record(listed, "import-actions", reason or f"from {Path(path).name}")
        return Imported(file=str(path), new=new, changed=len(listed) - new - same, same=same)

    # --- adjusted series -----------------------------------------------------------------------

    def materialise(
        self,
        instrument: str,
        timeframe: str,
        *,
        adjust: str = "total",
        source: str | None = None,
        reason: str = "",
    ) -> Materialisation:
        """Write the adjusted bars as a series of their own (``is_adjusted``), and keep it so.

        It is brought up after every change of a bar or of an action, whatever made it, as a new revision
        (`services.cache.afterwards`), and by `refresh`. Reading it: ``bars(..., is_adjusted=True)``. Raises
        `InvalidSetting` where the source itself has adjusted bars, or the series is kept by another mode (end that
        first: `unmaterialise`), and what reading and writing raise.
        """
        self._vault.check_writable()
        mode = mode_of(adjust)
        original = original_of(self._vault, instrument, timeframe, source)
        check_free(self._vault, original)
        wanted = Materialised(series=original, adjust=mode)
        known = next((one for one in self.materialised(original.instrument) if one.series == original), None)
        if known is not None and known.adjust != mode:
            how = f"end that first: unmaterialise (barledger actions unmaterialise {instrument} {timeframe})"
            raise InvalidSetting(setting="adjust", reason=f"{original} is kept as {known.adjust}, not {mode}; {how}")
        if known is None:
            self._vault.ledger.actions.keep(wanted, self._vault.who("keep-adjusted", reason=reason))
        return materialise(self._vault, self._cache, self._retrieval, wanted, reason=reason)

    def unmaterialise(
        self, instrument: str, timeframe: str, *, source: str | None = None, reason: str
    ) -> Materialisation:
        """End an adjusted series that is kept: its bars are withdrawn, and its past stays readable.

        It may be kept again then, by any mode. Raises `InvalidSetting` if none is kept, `ReadOnly`, and `InvalidName`
        without a reason.
        """
        self._vault.check_writable()
        check_name("reason", reason)
        original = original_of(self._vault, instrument, timeframe, source)
        known = next((one for one in self.materialised(original.instrument) if one.series == original), None)
        known = known or self._half_ended(original)
        if known is None:
            told = ", ".join(str(one.series) for one in self.materialised()) or "none"
            why = f"no adjusted series is kept beside {original}; kept are {told}"
            raise InvalidSetting(setting="unmaterialise", reason=why)
        return end(self._vault, self._cache, known, reason=reason)

    def materialised(self, instrument: str | None = None) -> builtins.list[Materialised]:
        """Return the series beside which adjusted ones are kept."""
        name = None if instrument is None else normalise_instrument(instrument)
        return self._vault.ledger.actions.kept(instrument=name)

    def refresh(self, instruments: str | Iterable[str] | None = None) -> builtins.list[Materialisation]:
        """Bring the adjusted series that are kept up to their originals, and return what was done for each.

        An event whose ex-date was yet to come counts from that day on, so that this is worth a call every day: the
        schedule's ``adjust`` jobs do it.
        """
        listed = [instruments] if isinstance(instruments, str) else instruments
        names = None if listed is None else {normalise_instrument(one) for one in listed}
        kept = self._vault.ledger.actions.kept()
        return [
            materialise(self._vault, self._cache, self._retrieval, one, reason="brought up to its original")
            for one in kept
            if names is None or one.series.instrument in names
        ]

    def follow(self, instruments: Iterable[str]) -> None:
        """Do as `refresh` after a change that has happened: what cannot be adjusted is said by `NotRefreshed`."""
        names = {*instruments}
        for one in self._vault.ledger.actions.kept():
            if one.series.instrument not in names:
                continue
            try:
                materialise(self._vault, self._cache, self._retrieval, one, reason="brought up to its original")
            except BarledgerError as error:
                told = f"the adjusted bars of {one.series} stay as they were: {error} ({error.advice})"
                warnings.warn(told, NotRefreshed, stacklevel=4)

    # --- parts ---------------------------------------------------------------------------------

    def _record(self, actions: Sequence[CorporateAction], operation: str, reason: str) -> None:
        record_actions(self._vault, actions, self._vault.who(operation, reason=reason))

    def _standing(self, action: CorporateAction) -> CorporateAction:
        """Return an action as the ledger has it now."""
        return self._find(action.instrument, action.kind, action.ex_date, action.source) or action

    def _find(self, instrument: str, kind: str, ex_date: int, source: str) -> CorporateAction | None:
        listed = self._vault.ledger.actions.list(instrument=instrument, source=source)
        return next((one for one in listed if (one.kind, one.ex_date) == (kind, ex_date)), None)

    def _half_ended(self, original: Series) -> Materialised | None:
        """Return a series whose end was noted by a process that died before it had withdrawn the bars."""
        audit, key = self._vault.ledger.audit, (original.instrument, original.timeframe.name, original.source)
        ended = [entry.data for entry in audit.entries(operation="end-adjusted")]
        mode = [one["adjust"] for one in ended if (one["instrument"], one["timeframe"], one["source"]) == key]
        state = self._vault.ledger.revisions.state(replace(original, is_adjusted=True))
        last = self._vault.ledger.audit.entries(series=state.series)[-1:] if mode and state.revision else []
        return Materialised(series=original, adjust=mode[-1]) if last and last[0].operation == "materialise" else None

    def _told(self, instrument: str, kind: str, ex_date: Instant, source: str | None = None) -> CorporateAction:
        """Return what is told of an action: what was declared, else a source's word."""
        name, meant, at = normalise_instrument(instrument), kind_of(kind), day_of(ex_date)
        listed = self._vault.ledger.actions.list(instrument=name, source=source)
        found = [one for one in listed if (one.kind, one.ex_date) == (meant, at)]
        if not found:
            told = ", ".join(one.summary for one in listed if one.kind == meant)
            hint = f"; there are {told}" if told else ""
            raise ActionNotFound(instrument=name, action=f"{kind} on {format_time(at)}", hint=hint)
        return min(found, key=lambda one: (one.source != DECLARED, one.source))

    def _denial(self, known: CorporateAction, reason: str) -> CorporateAction:
        return replace(self._taken_back(known, reason), source=DECLARED, denied=True)

    def _taken_back(self, known: CorporateAction, reason: str) -> CorporateAction:
        told = {**known.told, "reason": reason, "by": self._vault.actor}
        return replace(known, withdrawn=True, denied=False, evidence=evidence_of(told))


def value_of(action: CorporateAction) -> tuple[float, str, str]:
    """Return what is said of an action beside when it was."""
    return action.value, action.currency, action.symbol


def _key(action: CorporateAction) -> tuple[str, str, int]:
    return action.instrument, action.kind, action.ex_date
