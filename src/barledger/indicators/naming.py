"""Naming: what columns of other people's tables and bars are called in specs."""

import re
from functools import lru_cache


def plain_name(column: object) -> str:
    """Return what a column is called: in lower case, with ``_`` for what is no letter or digit.

    >>> plain_name("Adj Close")
    'adj_close'
    """
    return _plain(str(column))


@lru_cache(maxsize=1_024)
def _plain(column: str) -> str:
    return re.sub(r"\W+", "_", column.strip().lower()).strip("_")
