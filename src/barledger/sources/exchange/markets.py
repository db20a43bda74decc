"""Markets: which one of an exchange an instrument is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, cast

from barledger.domain.instrument import Facts, Kind
from barledger.domain.series import normalise_instrument
from barledger.errors import AmbiguousInstrument, CapabilityMissing, DataNotFound, InvalidName
from barledger.sources.exchange.candles import MILLISECOND
from barledger.sources.exchange.manners import Manners
from barledger.sources.exchange.options import MarketType, VolumeUnit

_NEAR: Final = 3
_LIKENESS: Final = 0.7


@dataclass(frozen=True, slots=True)
class Market:
    """One market, as ccxt describes it."""

    told: Mapping[str, Any]

    @property
    def symbol(self) -> str:
        """Return the name that ccxt gives it on every exchange, such as ``BTC/USDT``."""
        return str(self.told["symbol"])

    @property
    def kind(self) -> Kind:
        """Return what kind of instrument it is; a swap without an end is what its base is."""
        kind = self.told.get("type")
        return cast("Kind", kind) if kind in {"future", "option"} else "crypto"

    def facts(self, instrument: str, origin: str, first: int | None = None) -> Facts:
        """Return what is known of it; ``first`` is an opening time before which it is known to have none."""
        created = _nanoseconds(self.told.get("created"))
        known = [time for time in (created, first) if time is not None]
        return Facts(
            pattern=instrument,
            origin=origin,
            kind=self.kind,
            calendar="24/7",
            currency=self.told.get("quote") or None,
            first_trade=min(known) if known else None,
            last_trade=_nanoseconds(self.told.get("expiry")),
        )

    def volume_factor(self, source: str, manners: Manners, chosen: VolumeUnit | None) -> float | None:
        """Return what one of its units of volume is in units of its base; None if volumes are to be left out.

        Raises `CapabilityMissing` where that is not known, or changes with the price.
        """
        if chosen == "missing":
            return None
        size = self.told.get("contractSize")
        unit = (chosen or manners.contracts) if self.told.get("contract") else "base"
        if unit == "base":
            return 1.0
        if self.told.get("linear") and size and (unit == "contracts" or size == 1):
            return float(size)
        counted = "contracts, whose worth changes with the price" if unit else "a unit that is not known"
        told = f"the volume of {self.symbol} in units of {self.told.get('base')}: it counts {counted}"
        raise CapabilityMissing(who=f"source {source}", capability=f"{told} (see the option volume)")


class Markets:
    """All markets of an exchange."""

    def __init__(self, source: str, told: Iterable[Mapping[str, Any]]) -> None:
        """Know these markets."""
        self._source = source
        self._by_symbol = {str(one["symbol"]): Market(one) for one in told if one.get("symbol")}

    def find(
        self, instrument: str, *, native: str | None, symbols: Mapping[str, str], kind: MarketType | None
    ) -> Market:
        """Return the market of an instrument.

        ``native`` is its name in the ledger, ``symbols`` are names by instrument as the caller gave them; both may be
        ccxt's names or the exchange's own. Raises `DataNotFound` with names that are near, `AmbiguousInstrument` with
        those that could be meant.
        """
        chosen = {_normalised(name): symbol for name, symbol in symbols.items()}
        name = native or chosen.get(instrument)
        asked = name or instrument
        if asked in self._by_symbol:
            return self._by_symbol[asked]
        found = self._by_instrument.get(asked, []) if name is None else self._of_kind(self._by_id.get(name, []), kind)
        if len(found) > 1:
            candidates = tuple(market.symbol for market in found)
            raise AmbiguousInstrument(source=self._source, instrument=asked, candidates=candidates)
        if not found:
            near = self._near(asked)
            hint = f"; near are {', '.join(near)}" if near else ""
            raise DataNotFound(what=f"{self._source} has no market {asked}{hint}")
        return found[0]

    @cached_property
    def _by_instrument(self) -> dict[str, list[Market]]:
        by_instrument: dict[str, list[Market]] = {}
        for symbol, market in self._by_symbol.items():
            by_instrument.setdefault(_normalised(symbol), []).append(market)
        return by_instrument

    @cached_property
    def _by_id(self) -> dict[str, list[Market]]:
        by_id: dict[str, list[Market]] = {}
        for market in self._by_symbol.values():
            by_id.setdefault(str(market.told.get("id")), []).append(market)
        return by_id

    @staticmethod
    def _of_kind(found: list[Market], kind: MarketType | None) -> list[Market]:
        return [market for market in found if kind in (None, market.told.get("type"))]

    def _near(self, asked: str) -> list[str]:
        """Return names that somebody who wrote ``asked`` may have meant."""
        wanted = _letters(asked)
        alike = [one.symbol for name, found in self._by_id.items() if _letters(name) == wanted for one in found]
        by_letters = {_letters(symbol): symbol for symbol in sorted(self._by_symbol, reverse=True)}
        close = [by_letters[name] for name in get_close_matches(wanted, by_letters, _NEAR, _LIKENESS)]
        return list(dict.fromkeys((*alike, *close)))[:_NEAR]


def _normalised(symbol: str) -> str:
    try:
        return normalise_instrument(symbol)
    except InvalidName:
        return symbol


def _letters(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())


def _nanoseconds(milliseconds: Any) -> int | None:
    return int(milliseconds) * MILLISECOND if isinstance(milliseconds, int | float) and milliseconds > 0 else None
