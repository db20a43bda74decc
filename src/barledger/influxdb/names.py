"""Names on the wire: escaping for line protocol, quoting for InfluxQL, and the way back.

Line protocol has no escape for a backslash itself: it is literal unless a comma, a space or an equals sign follows,
so a name that ends in one cannot be written. `check_name` refuses those, and control characters, before anything is
sent.
"""

import re
from typing import Final

from barledger.domain.series import check_name

_ESCAPED: Final = re.compile(r"\\([,= ])")
_UNESCAPED_COMMA: Final = re.compile(r"(?<!\\),")
_UNESCAPED_EQUALS: Final = re.compile(r"(?<!\\)=")
_TAG_ESCAPES: Final = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_MEASUREMENT_ESCAPES: Final = str.maketrans({",": "\\,", " ": "\\ "})
_TEXT_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})
_LITERAL_ESCAPES: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})


def tag(value: str) -> str:
    r"""Return a tag's key or value as line protocol has it; raises `InvalidName`.

    >>> print(tag('A "B", c=d'))
    A\ "B"\,\ c\=d
    """
    return check_name("tag", value).translate(_TAG_ESCAPES)


def measurement(name: str) -> str:
    """Return a measurement's name as line protocol has it; raises `InvalidName`."""
    return check_name("measurement", name).translate(_MEASUREMENT_ESCAPES)


def text(value: str) -> str:
    """Return the value of a string field as line protocol has it, with its quotes."""
    return f'"{value.translate(_TEXT_ESCAPES)}"'


def identifier(name: str) -> str:
    """Return a name of a measurement, tag, field or database as InfluxQL has it."""
    return text(name).replace("\n", "\\n")


def literal(value: str) -> str:
    """Return a string value as InfluxQL has it."""
    return f"'{value.translate(_LITERAL_ESCAPES)}'"


def tags_of(key: str) -> dict[str, str]:
    r"""Return the tags in a series key as ``SHOW SERIES`` prints it.

    >>> tags_of("market_data,instrument=EURUSD\\=X,source=x")
    {'instrument': 'EURUSD=X', 'source': 'x'}
    """
    tags: dict[str, str] = {}
    for part in _UNESCAPED_COMMA.split(key)[1:]:
        name, value = _UNESCAPED_EQUALS.split(part, maxsplit=1)
        tags[_ESCAPED.sub(r"\1", name)] = _ESCAPED.sub(r"\1", value)
    return tags
