"""Plausibility: whether what somebody says of an instrument can be, by what is known of it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from barledger.domain.action import PAYMENTS, CorporateAction
from barledger.domain.declared import RAW
from barledger.domain.interval import Interval
from barledger.domain.money import converted
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import ActionKnown, InvalidAction, NoBars
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.instruments import InstrumentService

# The longest stretch between two days of trading that still tells the price before an ex-date.
_LOOKED_BACK: Final = 14 * DAY
_NAMED: Final = 5


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
