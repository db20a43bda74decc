"""Money: which currencies are parts of others.

Vendors quote some markets in hundredths: London in pence (``GBp``, Bloomberg's ``GBX``), Johannesburg in cents
(``ZAc``), Tel Aviv in agorot (``ILA``); Kuwait in fils, a thousandth.
"""

from typing import Final

_PARTS: Final = {
    "GBp": ("GBP", 100.0),
    "GBX": ("GBP", 100.0),
    "ZAc": ("ZAR", 100.0),
    "ZAC": ("ZAR", 100.0),
    "ILA": ("ILS", 100.0),
    "ILa": ("ILS", 100.0),
    "KWF": ("KWD", 1000.0),
    "USX": ("USD", 100.0),
    "USc": ("USD", 100.0),
}


def converted(amount: float, *, of: str, to: str) -> float | None:
    """Return an amount in another currency, or None if only an exchange rate could tell; case matters (GBp, GBP)."""
    if of == to:
        return amount
    (whole_of, parts_of), (whole_to, parts_to) = _whole(of), _whole(to)
    if whole_of != whole_to:
        return None
    return amount / parts_of * parts_to if parts_of != parts_to else amount


def _whole(currency: str) -> tuple[str, float]:
    return _PARTS.get(currency, (currency, 1.0))
