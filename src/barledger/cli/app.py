"""The application: its commands, and how an error leaves it.

Exit codes: 0 done, 1 something else, 2 wrong usage or invalid input, 3 not found, 4 refused, 5 damaged or not what it
was, 6 a store or source does not answer, 7 busy, 130 interrupted.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Annotated, Any, Final

import typer

from barledger import __version__
from barledger.cli import (
    actions,
    audit,
    availability,
    data,
    discrepancies,
    importing,
    indicators,
    ingestion,
    instruments,
    jobs,
    keeping,
    keys,
    ledger,
    notify,
    priority,
    proposals,
    quality,
    schedule,
    serve,
    snapshots,
    sources,
    status,
)
from barledger.cli.codes import exit_code
from barledger.cli.demo import demo
from barledger.cli.export import export
from barledger.cli.inspection import inspect
from barledger.cli.lock import check, lock
from barledger.cli.log import said
from barledger.cli.output import Output
from barledger.cli.policy import policy
from barledger.cli.tolerance import tolerance
from barledger.errors import BarledgerError, BarledgerWarning, EmptyLibrary

_INTERRUPTED: Final = 130

app = typer.Typer(
    no_args_is_help=True,
    help="A versioned, auditable cache of market data. Your backtest's input cannot change under you.",
    epilog=(__doc__ or "").split("\n\n", 1)[1],
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", "-V", help="Show the version.")] = False) -> None:
    if version:
        sys.stdout.write(f"barledger {__version__}\n")
        raise typer.Exit


_ON_BARS: Final[tuple[Callable[..., None], ...]] = (
    demo,
    ingestion.ingest,
    ingestion.follow,
    data.bars,
    data.series,
    data.versions,
    data.history,
    data.quarantine,
    discrepancies.reconcile,
    inspect,
    availability.availability,
    availability.gaps,
    quality.quality,
    quality.verify,
    export,
    lock,
    check,
    audit.evidence,
)
_ON_LIBRARIES: Final[tuple[Callable[..., None], ...]] = (
    policy,
    tolerance,
    serve.serve,
    keeping.retention,
    keeping.backup,
    keeping.restore,
    keeping.repair,
    ledger.import_bucket,
    status.status,
    status.doctor,
)
for command in _ON_BARS:
    app.command()(command)
app.command()(sources.sources)
app.command(name="import")(importing.import_)
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(priority.app, name="priority")
app.add_typer(instruments.app, name="instruments")
app.add_typer(indicators.app, name="indicators")
app.add_typer(actions.app, name="actions")
app.add_typer(proposals.app, name="proposals")
app.add_typer(audit.app, name="audit")
app.add_typer(discrepancies.app, name="discrepancies")
app.add_typer(ledger.app, name="ledger")
app.add_typer(keys.app, name="keys")
app.add_typer(jobs.app, name="jobs")
app.add_typer(notify.app, name="notify")
app.add_typer(schedule.app, name="schedule")
for command in _ON_LIBRARIES:
    app.command()(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code; no error leaves as a traceback."""
    as_json = "--json" in arguments
    empty: list[str] = []
    try:
        with said(), warnings.catch_warnings():
            warnings.simplefilter("default", BarledgerWarning)
            warnings.showwarning = partial(_say_warning, empty=empty)
            code = _commands()(list(arguments), standalone_mode=False)
    except BarledgerError as error:
        Output(as_json=as_json).error(error, warnings=empty)
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets a sentence
        return _unexpected(error)
    sys.stderr.writelines(f"warning: {text}\n" for text in empty)
    return code if isinstance(code, int) else 0


@cache
def _commands() -> Callable[..., object]:
    """Return what runs them; to make it of so many takes longer than most of them take."""
    return typer.main.get_command(app)


def _say_warning(message: Warning | str, category: type[Warning], *_: Any, empty: list[str], **_named: Any) -> None:
    """Say ours as sentences; others are for developers. That a library is empty may be what explains an error."""
    if issubclass(category, EmptyLibrary):
        empty.append(str(message))
    elif issubclass(category, BarledgerWarning):
        sys.stderr.write(f"warning: {message}\n")


def _unexpected(error: Exception) -> int:
    """Show click's own usage errors as it does, and anything else as a sentence."""
    show = getattr(error, "show", None)
    if callable(show):
        show()
        return int(getattr(error, "exit_code", 2))
    if "BARLEDGER_DEBUG" in os.environ:
        raise error
    sys.stderr.write(f"error [unexpected] {type(error).__name__}: {error}\n")
    sys.stderr.write("  next: set BARLEDGER_DEBUG=1 to see where, and report it\n")
    return 1
