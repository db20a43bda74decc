"""``python -m barledger.api.examples`` asks one request of every operation, and records the answers as examples."""

import json
import sys
import warnings
from pathlib import Path
from typing import Final

from barledger.api.examples.answers import FILE
from barledger.api.examples.script import record
from barledger.errors import BarledgerWarning

_PLACE: Final = Path(__file__).with_name(FILE)


def main() -> int:
    """Record the examples into the package; returns the exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BarledgerWarning)
        made = record()
    _PLACE.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
