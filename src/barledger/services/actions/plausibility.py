"""Plausibility: whether what somebody says of an instrument can be, by what is known of it."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

from barledger.domain.action import PAYMENTS, SHARES, CorporateAction
from barledger.domain.declared import RAW
from barledger.domain.interval import Interval
from barledger.domain.money import converted
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import ActionKnown, InvalidAction, NoBars, NotCounted
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.instruments import InstrumentService

# The longest stretch between two days of trading that still tells the price before an ex-date.
_LOOKED_BACK: Final = 14 * DAY
_NAMED: Final = 5
# Smaller ratios are not told from a move of the market.
_SMALLEST: Final = log(1.15)
_UNTIL: Final = (
    'read with adjust="raw" these are {factor:.6g} times what was traded until they count it: ask the source '
    "(bl.integrity.reconcile, `barledger reconcile`) and accept what is proposed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plausibility:
    """Compares actions with bars and with the register of instruments."""

    vault: Vault
    instruments: InstrumentService

    def check_new(self, action: CorporateAction) -> None:
        """Refuse what cannot be, or not beside what is known; raises as `check` does, and `ActionKnown`.

        Shares are not split and put together on one day, whoever tells of it.
        """
        self.check(action)
        if action.kind != "split" or action.withdrawn:
            return
        for known in self.vault.ledger.actions.list(instrument=action.instrument):
            same = (known.kind, known.ex_date) == (action.kind, action.ex_date)
            if same and (known.value < 1) is not (action.value < 1):
                raise ActionKnown(reason=f"{known} is known already, and {action.summary} is the other way round")

    def check(self, action: CorporateAction) -> None:
        """Refuse a payment that is not below the price before its ex-date, if bars tell it; raises `InvalidAction`."""
        if action.kind not in PAYMENTS or action.withdrawn:
            return
        for series in self._raw(action.instrument):
            price = self._price_before(series, action.day)
            if price is None:
                continue
            register = self.instruments.register()
            said = register.as_of_source(action.instrument, series.source).currency
            money = said or register.describe(action.instrument).currency or action.currency
            amount = converted(action.value, of=action.currency or money, to=money)
            if amount is not None and amount >= price:
                reason = f"it pays {amount:g}, and the last price before it is {price:g} ({series})"
                raise InvalidAction(reason=f"{action.summary} cannot be: {reason}")
            return

    def warn_of_strangers(self, named: Sequence[tuple[str, str]]) -> None:
        """Warn of instruments that nobody knows, each with where it stands; an empty library knows none yet."""
        known = {one.name for one in self.instruments.list()}
        strange = [f"{name}{where}" for name, where in dict(named).items() if name not in known]
        if known and strange:
            more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
            told = (
                f"nobody knows {', '.join(strange[:_NAMED])}{more}: there are no bars, and nothing else is said of it"
            )
            warnings.warn(f"{told}; the event was taken, and is undone by undeclare", NoBars, stacklevel=4)

    def warn_of_uncounted(self, actions: Iterable[CorporateAction]) -> None:
        """Warn of splits that bars do not count though their source adjusts them, or of which nothing shows it yet.

        Such bars count a split by not showing it; read as traded, they are reckoned back by all that is known.
        """
        told = [f"{action.summary}: {said}" for action in actions for said in self._uncounted(action)]
        if told:
            more = f"; and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
            what = f"{'; '.join(told[:_NAMED])}{more}. The event was taken, and is undone by undeclare"
            warnings.warn(what, NotCounted, stacklevel=4)

    def _uncounted(self, action: CorporateAction) -> list[str]:
        if action.kind not in SHARES or action.withdrawn or abs(log(action.ratio)) < _SMALLEST or self.vault.mismatch:
            return []
        raw = {*self._raw(action.instrument)}
        listed = self.vault.ledger.catalog.series(instrument=action.instrument)
        adjusted = [one for one in listed if not one.is_adjusted and one not in raw and one.timeframe.duration <= DAY]
        return [said for series in sorted(adjusted) if (said := self._why_uncounted(series, action))]

    def _why_uncounted(self, series: Series, action: CorporateAction) -> str:
        """Say why bars before an ex-date do not count it, or may not; nothing if they do, or none lie before it.

        Bars of before the ex-date are not reckoned back by it: what the source gives next will count it.
        """
        state = self.vault.ledger.revisions.state(series)
        if action.ex_date > state.revision:
            return ""
        around = Interval(action.ex_date - _LOOKED_BACK, action.ex_date + _LOOKED_BACK)
        rows = read(self.vault, series, left(state, around)).rows.standing()
        if not len(rows) or rows.time[0] >= action.ex_date:
            return ""
        move = _move_over(rows, action.ex_date)
        until = _UNTIL.format(factor=action.ratio)
        if move is None:
            return f"{series} has no bar from the ex-date on, so nothing shows whether those before count it; {until}"
        if abs(move) <= abs(move + log(action.ratio)):
            return ""
        went = f"the prices of {series}, which their source adjusts, still move by {exp(move):.4g} over it"
        return f"{went}, so those before do not count it; {until}"

    def _raw(self, instrument: str) -> list[Series]:
        """Return the series whose prices are as they were traded, those of days first."""
        register = self.instruments.register()
        listed = self.vault.ledger.catalog.series(instrument=instrument)
        raw = [one for one in listed if not one.is_adjusted and register.adjusted(one).get("close", RAW) == RAW]
        return sorted(raw, key=lambda one: (one.timeframe.name != "1d", one))

    def _price_before(self, series: Series, day: int) -> float | None:
        if self.vault.mismatch:
            return None
        state = self.vault.ledger.revisions.state(series)
        rows = read(self.vault, series, left(state, Interval(day - _LOOKED_BACK, day))).rows.standing()
        return float(rows.close[-1]) if len(rows) else None


def _move_over(rows: Rows, ex_date: int) -> float | None:
    """Return the logarithm of the first price from an ex-date on over the last one before, None without either."""
    before, after = rows.pick(rows.time < ex_date), rows.pick(rows.time >= ex_date)
    if not len(before) or not len(after):
        return None
    last, first = float(before.close[-1]), float(after.open[0])
    first = first if first > 0 else float(after.close[0])
    return log(first / last) if last > 0 and first > 0 else None
