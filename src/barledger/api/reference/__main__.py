"""The command: ``python -m barledger.api.reference docs/api.md`` writes the reference; ``--check`` compares it."""

import sys
from collections.abc import Sequence
from pathlib import Path

from barledger.api.app import routed
from barledger.api.reference.markdown import markdown
from barledger.api.reference.outline import Outline


def main(arguments: Sequence[str]) -> int:
    """Write the reference, or check it; returns the exit code."""
    paths = [Path(one) for one in arguments if one != "--check"]
    if len(paths) != 1:
        sys.stderr.write("usage: python -m barledger.api.reference [--check] PAGE\n")
        return 2
    made = markdown(Outline.of(routed().openapi()))
    if paths[0].exists() and paths[0].read_text(encoding="utf-8") == made:
        return 0
    if "--check" in arguments:
        sys.stderr.write(f"{paths[0]} does not have the operations that there are; run make docs\n")
        return 1
    paths[0].write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
