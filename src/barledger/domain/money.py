"""Money: which currencies are parts of others.

Vendors quote some markets in hundredths: London in pence (``GBp``, Bloomberg's ``GBX``), Johannesburg in cents
(``ZAc``), Tel Aviv in agorot (``ILA``); Kuwait in fils, a thousandth.
"""

import re
from typing import Final

from barledger.errors import InvalidSetting

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


_CODE: Final = re.compile(r"[A-Z0-9]{3,6}")


def check_currency(code: str) -> str:
    """Return a currency's code as it is, since case matters (``GBp``); raises `InvalidSetting`.

    A code is one of ISO 4217, a part of one as vendors write it, or what crypto exchanges call a coin.

    >>> check_currency("GBp"), check_currency("FDUSD")
    ('GBp', 'FDUSD')
    """
    if code not in _PARTS and not _CODE.fullmatch(code):
        raise InvalidSetting(setting="currency", reason=f"{code!r} is no code such as USD, GBp or USDT")
    return code


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
