"""The ids of exchanges, read from ccxt's own list without importing ccxt, which takes a second."""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_LIST: Final = re.compile(r"^exchanges = (\[.*?\])", re.DOTALL | re.MULTILINE)
_BESIDE: Final = frozenset({"__init__"})


@cache
def exchange_ids() -> tuple[str, ...]:
    """Return the ids that ccxt knows, in order; none where it is not installed."""
    spec = find_spec("ccxt")
    if spec is None or spec.origin is None:
        return ()
    listed = _LIST.search(Path(spec.origin).read_text(encoding="utf-8"))
    if listed is None:
        files = (file.stem for file in Path(spec.origin).parent.glob("*.py"))
        return tuple(sorted(name for name in files if name not in _BESIDE))
    return tuple(sorted(str(name) for name in ast.literal_eval(listed[1])))
