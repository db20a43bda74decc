"""Symbols: how Yahoo spells an instrument, and what a spelling alone tells of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from barledger.domain.instrument import Facts, Kind

_KNOWN: Final = re.compile(r"[A-Z0-9.^=&_-]{1,32}")

_MONEY: Final = frozenset(
    re.findall(
        r"[A-Z]{3}",
        """
        AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNH CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY
        KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RUB SAR SEK SGD THB TRY TWD UAH USD
        UYU VND ZAR XAG XAU XPD XPT
        """,
    )
)
_QUOTES_OF_CRYPTO: Final = ("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "INR", "KRW", "CNY", "BRL")
# A ticker of Yahoo's without a suffix has five letters at most, so that six and more are a pair.
_SHORTEST_PAIR: Final = 6
_SHARE: Final = re.compile(r"[A-Z0-9]+(-[A-Z0-9]{1,2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where instruments of a kind of spelling trade, and in which money, where that is one and the same."""

    calendar: str | None
    currency: str | None = None
    kind: Kind | None = None


# The money is left out where a venue quotes in several: London in pence and pounds, Johannesburg in cents and rands.
_BY_SUFFIX: Final[Mapping[str, Venue]] = {
    suffix: Venue(calendar=calendar, currency=currency)
    for suffix, calendar, currency in (
        ("AS", "XAMS", "EUR"),
        ("AT", "ASEX", "EUR"),
        ("AX", "XASX", "AUD"),
        ("BA", "XBUE", "ARS"),
        ("BD", "XBUD", "HUF"),
        ("BK", "XBKK", "THB"),
        ("BO", "XBOM", "INR"),
        ("BR", "XBRU", "EUR"),
        ("CL", "XBOG", "COP"),
        ("CO", "XCSE", "DKK"),
        ("DE", "XETR", "EUR"),
        ("DU", "XDUS", "EUR"),
        ("F", "XFRA", "EUR"),
        ("HE", "XHEL", "EUR"),
        ("HK", "XHKG", "HKD"),
        ("HM", "XHAM", "EUR"),
        ("IC", "XICE", "ISK"),
        ("IL", "XLON", None),
        ("IR", "XDUB", "EUR"),
        ("IS", "XIST", "TRY"),
        ("JK", "XIDX", "IDR"),
        ("JO", "XJSE", None),
        ("KL", "XKLS", "MYR"),
        ("KQ", "XKRX", "KRW"),
        ("KS", "XKRX", "KRW"),
        ("L", "XLON", None),
        ("LS", "XLIS", "EUR"),
        ("MC", "XMAD", "EUR"),
        ("MI", "XMIL", "EUR"),
        ("MX", "XMEX", "MXN"),
        ("NE", "XTSE", None),
        ("NS", "XBOM", "INR"),
        ("NZ", "XNZE", "NZD"),
        ("OL", "XOSL", "NOK"),
        ("PA", "XPAR", "EUR"),
        ("PR", "XPRA", "CZK"),
        ("PS", "XPHS", "PHP"),
        ("RG", "XRIS", "EUR"),
        ("RO", "XBSE", "RON"),
        ("SA", "BVMF", "BRL"),
        ("SG", "XSTU", "EUR"),
        ("SI", "XSES", None),
        ("SN", "XSGO", "CLP"),
        ("SR", "XSAU", "SAR"),
        ("SS", "XSHG", None),
        ("ST", "XSTO", "SEK"),
        ("SW", "XSWX", "CHF"),
        ("SZ", "XSHG", None),
        ("T", "XTKS", "JPY"),
        ("TA", "XTAE", None),
        ("TL", "XTAL", "EUR"),
        ("TO", "XTSE", None),
        ("TW", "XTAI", "TWD"),
        ("TWO", "XTAI", "TWD"),
        ("V", "XTSE", None),
        ("VI", "XWBO", "EUR"),
        ("VS", "XLIT", "EUR"),
        ("WA", "XWAR", "PLN"),
    )
}
# Regular hours, by the zone that Yahoo names; only where no suffix tells more.
_BY_ZONE: Final[Mapping[str, str]] = {
    "America/New_York": "XNYS",
    "America/Chicago": "XNYS",
    "America/Toronto": "XTSE",
    "America/Sao_Paulo": "BVMF",
    "America/Mexico_City": "XMEX",
    "Europe/London": "XLON",
    "Europe/Paris": "XPAR",
    "Europe/Berlin": "XETR",
    "Europe/Amsterdam": "XAMS",
    "Europe/Brussels": "XBRU",
    "Europe/Lisbon": "XLIS",
    "Europe/Madrid": "XMAD",
    "Europe/Rome": "XMIL",
    "Europe/Zurich": "XSWX",
    "Europe/Stockholm": "XSTO",
    "Europe/Copenhagen": "XCSE",
    "Europe/Helsinki": "XHEL",
    "Europe/Oslo": "XOSL",
    "Europe/Vienna": "XWBO",
    "Europe/Warsaw": "XWAR",
    "Asia/Tokyo": "XTKS",
    "Asia/Hong_Kong": "XHKG",
    "Asia/Shanghai": "XSHG",
    "Asia/Taipei": "XTAI",
    "Asia/Seoul": "XKRX",
    "Asia/Singapore": "XSES",
    "Asia/Kolkata": "XBOM",
    "Australia/Sydney": "XASX",
    "Pacific/Auckland": "XNZE",
}
_KINDS: Final[Mapping[str, Kind]] = {
    "EQUITY": "stock",
    "ETF": "etf",
    "MUTUALFUND": "fund",
    "INDEX": "index",
    "CURRENCY": "forex",
    "CRYPTOCURRENCY": "crypto",
    "FUTURE": "future",
    "OPTION": "option",
}


def symbol_of(instrument: str) -> str:
    """Return Yahoo's symbol of an instrument that nobody gave another name.

    >>> symbol_of("BTCUSD"), symbol_of("EURUSD"), symbol_of("AAPL"), symbol_of("VOD.L")
    ('BTC-USD', 'EURUSD=X', 'AAPL', 'VOD.L')
    """
    base, quote = instrument[:-3], instrument[-3:]
    if len(instrument) < _SHORTEST_PAIR or not instrument.isalnum() or instrument.isdigit():
        return instrument
    if base in _MONEY and quote in _MONEY:
        return f"{instrument}=X"
    return f"{base}-{quote}" if quote in _QUOTES_OF_CRYPTO else instrument


def is_symbol(text: str) -> bool:
    """Whether this can be a symbol of Yahoo's; anything else would become another address."""
    return _KNOWN.fullmatch(text) is not None and text.strip(".") != ""


def venue_of(symbol: str) -> Venue:
    """Return what the spelling tells."""
    if symbol.endswith("=X"):
        pair = symbol.removesuffix("=X")
        return Venue(calendar="24/5", kind="forex", currency=pair[-3:] if pair[-3:] in _MONEY else None)
    if symbol.endswith("=F"):
        return Venue(calendar="CMES", kind="future")
    if symbol.startswith("^"):
        return Venue(calendar=None, kind="index")
    base, dash, quote = symbol.rpartition("-")
    if dash and base and quote in _MONEY:
        return Venue(calendar="24/7", kind="crypto", currency=quote)
    base, dot, suffix = symbol.rpartition(".")
    if dot and base:
        return _BY_SUFFIX.get(suffix, Venue(calendar=None))
    return Venue(calendar="XNYS", currency="USD") if _SHARE.fullmatch(symbol) else Venue(calendar=None)


def facts_of(instrument: str, symbol: str, meta: Mapping[str, object], first_trade: int | None) -> Facts:
    """Return what the spelling tells, and what Yahoo itself said of the symbol, which counts more.

    The currency is Yahoo's: ``GBp`` is pence, ``ZAc`` South African cents, ``ILA`` agorot, as the prices are.
    """
    told = venue_of(symbol)
    zone, money, kind = (str(meta.get(name) or "") for name in ("exchangeTimezoneName", "currency", "instrumentType"))
    return Facts(
        pattern=instrument,
        origin="yahoo",
        kind=_KINDS.get(kind, told.kind),
        calendar=told.calendar or _BY_ZONE.get(zone),
        currency=money or told.currency,
        first_trade=first_trade,
    )
