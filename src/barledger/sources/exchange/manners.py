"""What is known of single exchanges that ccxt does not tell."""

from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["base", "contracts"]

_WEEKS_FROM_THURSDAY: Final = frozenset({"1w"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How an exchange answers.

    ``newest`` is the number of bars to which its history is limited, whatever the timeframe. ``without`` are
    timeframes whose bars open elsewhere than ours, such as weeks that begin with the epoch's Thursday.
    ``empty_is_proof`` tells whether an empty answer proves that nothing was traded. ``contracts`` is what it counts
    the volume of contract markets in, as ccxt passes it on; None where nobody looked.
    """

    newest: int | None = None
    without: frozenset[str] = frozenset()
    empty_is_proof: bool = False
    contracts: Unit | None = None


_BINANCE: Final = Manners(empty_is_proof=True, contracts="base")

MANNERS: Final[dict[str, Manners]] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "kraken": Manners(newest=720, empty_is_proof=True, without=_WEEKS_FROM_THURSDAY),
    "bybit": Manners(contracts="base"),
    "okx": Manners(contracts="base"),
    "bitget": Manners(contracts="base"),
    "htx": Manners(contracts="base"),
    "hyperliquid": Manners(contracts="base", without=_WEEKS_FROM_THURSDAY),
    "gate": Manners(contracts="contracts"),
    "mexc": Manners(contracts="contracts"),
    "kucoin": Manners(contracts="contracts", without=_WEEKS_FROM_THURSDAY),
    "kucoinfutures": Manners(contracts="contracts", without=_WEEKS_FROM_THURSDAY),
}

UNKNOWN: Final = Manners()


def manners_of(exchange: str) -> Manners:
    """Return what is known of an exchange."""
    return MANNERS.get(exchange, UNKNOWN)
