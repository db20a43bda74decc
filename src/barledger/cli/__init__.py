"""The command line; thin: parse, call a service, render."""

import sys


def main() -> None:
    """Run the command; the version is answered without importing anything."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from barledger import __version__  # noqa: PLC0415 - nothing else is imported for this answer

        sys.stdout.write(f"barledger {__version__}\n")
        return
    from barledger.cli.app import run  # noqa: PLC0415 - see above

    sys.exit(run(sys.argv[1:]))
