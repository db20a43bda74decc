"""InstrumentService: what is known of instruments, and when they trade."""

import builtins
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any, Final

from barledger.domain.action import CorporateAction
from barledger.domain.calendar import Calendar
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import DECLARED, Facts, Halt, Instrument, Kind, Register, is_glob
from barledger.domain.interval import EARLIEST, LATEST, Instant, Interval, format_time, parse_time
from barledger.domain.money import check_currency
from barledger.domain.series import check_name, normalise_instrument
from barledger.domain.timeframe import TIMEFRAMES
from barledger.errors import InvalidInterval, InvalidSetting
from barledger.ledger.contract import Symbol, Telling
from barledger.services.cache.vault import Vault

_MOST_REGISTERS: Final = 64
_PROBE: Final = Interval(parse_time("2024-01-01"), parse_time("2024-01-08"))


class InstrumentService:
    """Puts together what people declared and what sources told."""

    def __init__(self, vault: Vault) -> None:
        """Work on this ledger."""
        self._vault = vault
        self._known: Register | None = None
        self._tellings: builtins.list[Telling] = []
        self._told_by = 0
        self._registers: OrderedDict[int, Register] = OrderedDict()
        self._lock = Lock()
        self.generation = 0
        """How often something was said through this service."""

    # --- reading -------------------------------------------------------------------------------

    def describe(self, instrument: str) -> Instrument:
        """Return what is known of an instrument, and who said it (`Instrument.origins`)."""
        return self.register().describe(instrument)

    def calendar(self, instrument: str) -> Calendar:
        """Return when the instrument trades; raises `CalendarNotFound`."""
        return calendar_called(self.describe(instrument).calendar)

    def register(self) -> Register:
        """Return what is said of all instruments, as it is now; read again only if somebody said something."""
        mark = self._vault.ledger.instruments.facts_mark()
        known = self._known
        if known is None or known.mark != mark:
            known = self._known = Register(self._vault.ledger.instruments.facts(), mark=mark)
        return known

    def register_at(self, known_at: int) -> Register:
        """Return what had been said of all instruments by a time (ns)."""
        tellings = [one for one in self._history() if one.facts and one.time <= known_at]
        found = self._registers.get(len(tellings))
        if found is None:
            said = {(facts.pattern, facts.origin): facts for one in tellings for facts in one.facts}
            found = Register([said[key] for key in sorted(said)])
            with self._lock:
                self._registers[len(tellings)] = found
                while len(self._registers) > _MOST_REGISTERS:
                    self._registers.popitem(last=False)
        return found

    def halts_at(self, instrument: str, known_at: int) -> builtins.list[Halt]:
        """Return the halts of an instrument that had been declared by a time (ns), by start."""
        told = [halt for one in self._history() if one.time <= known_at for halt in one.halts]
        found = {halt.interval.start: halt for halt in told if halt.instrument == instrument}
        return [found[start] for start in sorted(found) if not found[start].interval.empty]

    def _history(self) -> Sequence[Telling]:
        """Return all that was ever said; the log is read on from where it was read to."""
        with self._lock:
            size = self._vault.ledger.audit.size()
            if size != self._told_by:
                found = self._vault.ledger.instruments.tellings(after=self._told_by)
                # What came after the look at the size is read again then.
                self._tellings = [*self._tellings, *(one for one in found if one.sequence <= size)]
                self._told_by = size
            return self._tellings

    def list(self, pattern: str | None = None) -> builtins.list[Instrument]:
        """Return every instrument that has bars, or that somebody spoke of by name, sorted; or those of a glob."""
        ledger, register = self._vault.ledger, self.register()
        names = {series.instrument for series in (*ledger.catalog.series(), *ledger.catalog.asked())}
        names |= {*register.names, *(symbol.instrument for symbol in self.names())}
        names |= {halt.instrument for halt in self.halts()}
        wanted = "*" if pattern is None else _pattern(pattern)
        return [register.describe(name) for name in sorted(names) if fnmatchcase(name, wanted)]

    def facts(self) -> builtins.list[Facts]:
        """Return all that is said, by pattern and origin."""
        return self._vault.ledger.instruments.facts()

    def halts(self, instrument: str | None = None) -> builtins.list[Halt]:
        """Return the declared halts, by instrument and start."""
        return self._vault.ledger.instruments.halts(instrument=_maybe(instrument))

    def names(self, instrument: str | None = None) -> builtins.list[Symbol]:
        """Return the sources' own names of an instrument, or of all, each with the time in which it is valid."""
        found = self._vault.ledger.symbols.list(instrument=_maybe(instrument))
        return [symbol for symbol in found if not symbol.valid.empty]

    def actions(
        self, instrument: str, *, source: str | None = None, known_at: Instant | None = None
    ) -> builtins.list[CorporateAction]:
        """Return the corporate actions that are known of an instrument, or were at a time, by ex-date."""
        at = None if known_at is None else parse_time(known_at)
        return self._vault.ledger.actions.list(instrument=normalise_instrument(instrument), source=source, known_at=at)

    # --- declaring -----------------------------------------------------------------------------

    def declare(
        self,
        pattern: str,
        *,
        kind: Kind | None = None,
        calendar: str | None = None,
        currency: str | None = None,
        first_trade: Instant | None = None,
        last_trade: Instant | None = None,
        reason: str = "",
    ) -> Facts:
        """Say something of an instrument, or of all that match a glob; what was declared before stays beside it.

        It wins over what sources tell. ``calendar`` is ``24/7`` or a name of exchange_calendars, ``first_trade`` the
        first instant at which there was trading, ``last_trade`` the first at which there was none any more. Returns all
        that is declared of the pattern. Raises `CalendarNotFound`, `InvalidSetting`, `InvalidInterval`, `ReadOnly`.
        """
        self._vault.check_writable()
        name = _pattern(pattern)
        told: dict[str, Any] = {
            "kind": kind,
            "calendar": None if calendar is None else _calendar(calendar),
            "currency": None if currency is None else check_currency(currency),
            "first_trade": None if first_trade is None else _moment(first_trade),
            "last_trade": None if last_trade is None else _moment(last_trade),
        }
        said = {fact: value for fact, value in told.items() if value is not None}
        if not said:
            raise InvalidSetting(setting="declare", reason=f"nothing is said of {name}: give kind, calendar, …")
        facts = replace(self._declared(name), **said)
        self._tell([facts], "declare", reason)
        return facts

    def forget(self, pattern: str, *, reason: str = "") -> Facts:
        """Take back all that was declared of a pattern, and return it; what sources told stays."""
        self._vault.check_writable()
        declared = self._declared(_pattern(pattern))
        self._tell([Facts(pattern=declared.pattern)], "forget", reason)
        return declared

    def halt(self, instrument: str, start: Instant, end: Instant | None = None, *, reason: str) -> Halt:
        """Declare that an instrument does not trade in [start, end) though its market is open.

        No end means until further notice; another halt that begins at the same time replaces it. Bars that lie wholly
        inside are not missed. Raises `InvalidInterval`, `InvalidSetting`, `ReadOnly`.
        """
        self._vault.check_writable()
        interval = Interval.of(start, end)
        if interval.empty:
            raise InvalidInterval(reason=f"a halt at {format_time(interval.start)} ends as it begins")
        if not reason.strip():
            raise InvalidSetting(setting="reason", reason="a halt needs one, for whoever looks later")
        halt = Halt(instrument=normalise_instrument(instrument), interval=interval, reason=reason)
        self._stop(halt, "halt", reason)
        return halt

    def resume(self, instrument: str, start: Instant, *, reason: str = "") -> Halt:
        """Take a halt back, named by its start; raises `InvalidSetting` if none begins then."""
        self._vault.check_writable()
        name, at = normalise_instrument(instrument), parse_time(start)
        halt = next((one for one in self.halts(name) if one.interval.start == at), None)
        if halt is None:
            raise InvalidSetting(setting="start", reason=f"no halt of {name} begins at {format_time(at)}")
        nothing = replace(halt, interval=Interval(at, at))
        self._stop(nothing, "resume", reason)
        return halt

    def name(
        self,
        instrument: str,
        source: str,
        native: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        reason: str = "",
    ) -> Symbol:
        """Say what a source calls an instrument, in [start, end); of two at once the one that begins later counts.

        A symbol that is used again for something else is another instrument: each has the name for its time. Raises
        `SymbolTaken`, `InvalidInterval`, `InvalidSetting`, `ReadOnly`.
        """
        self._vault.check_writable()
        symbol = Symbol(
            instrument=normalise_instrument(instrument),
            source=check_name("source", source),
            native=check_name("symbol", native),
            valid=Interval.of(start, end),
        )
        if symbol.valid.empty:
            raise InvalidInterval(reason=f"the name {native} ends as it begins")
        for known in self.names(symbol.instrument):
            alike = (known.source, known.valid.start) == (symbol.source, symbol.valid.start)
            if alike and known.native != symbol.native:
                since = format_time(known.valid.start)
                reason = f"{source} calls {symbol.instrument} {known.native} from {since} on already; take that back"
                raise InvalidSetting(setting="native", reason=reason)
        self._vault.ledger.symbols.add(symbol, self._vault.who("name", reason=reason))
        return symbol

    def unname(self, instrument: str, source: str, native: str, *, reason: str = "") -> builtins.list[Symbol]:
        """Take back what a source was said to call an instrument, and return it."""
        self._vault.check_writable()
        gone = [known for known in self.names(instrument) if (known.source, known.native) == (source, native)]
        if not gone:
            raise InvalidSetting(setting="native", reason=f"{source} is not said to call {instrument} {native}")
        for known in gone:
            nothing = replace(known, valid=Interval(known.valid.start, known.valid.start))
            self._vault.ledger.symbols.add(nothing, self._vault.who("unname", reason=reason))
        return gone

    def _declared(self, pattern: str) -> Facts:
        said = (one for one in self.facts() if (one.pattern, one.origin) == (pattern, DECLARED))
        return next(said, Facts(pattern=pattern))

    def _tell(self, facts: Iterable[Facts], operation: str, reason: str) -> None:
        self._vault.ledger.instruments.tell([*facts], self._vault.who(operation, reason=reason))
        self.generation += 1

    def _stop(self, halt: Halt, operation: str, reason: str) -> None:
        self._vault.ledger.instruments.halt(halt, self._vault.who(operation, reason=reason))
        self.generation += 1


def _maybe(instrument: str | None) -> str | None:
    return None if instrument is None else normalise_instrument(instrument)


def _pattern(pattern: str) -> str:
    name = check_name("pattern", pattern)
    return name if is_glob(name) else normalise_instrument(name)


def _calendar(name: str) -> str:
    """Return the calendar's own name, after it has shown that it can be loaded."""
    market = calendar_called(name)
    market.count(TIMEFRAMES["1d"], _PROBE)
    return market.name


def _moment(time: Instant) -> int:
    at = parse_time(time)
    if not EARLIEST <= at < LATEST:
        raise InvalidInterval(reason=f"{time!r} is no time at which anything traded")
    return at
