"""Commands for a store and a ledger that no longer fit each other, and for buckets that something else filled."""

from typing import Literal

import typer

from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Store, library
from barledger.services.reconciliation import total

app = typer.Typer(
    no_args_is_help=True,
    help="""Make store and ledger fit each other again. Bars are never changed; digests follow them, revisions that only
    the store knows are recalled, and whatever was under way when the old ledger was lost is taken as made.""",
)


@app.command()
def adopt(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Take over a store that another ledger marked; that one can only read from then on."""
    _mend("adopt", store, ledger, json)


@app.command()
def rebuild(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Fill an empty ledger from a store whose own ledger was lost; snapshots survive if they were materialised."""
    _mend("rebuild", store, ledger, json)


@app.command()
def reconcile(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Bring store and ledger together again after one of them was restored to an earlier state."""
    _mend("reconcile", store, ledger, json)


def import_bucket(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Take over the bars that something else wrote into a bucket in barledger's layout.

    Stop what else writes there first. Points with other tags than barledger's own are moved: bars are written and
    committed, then the old points are deleted. What cannot be taken over stays, and is listed each time.
    """
    output = Output(as_json=json)
    with library(store, ledger, mending=True) as opened, output.progress() as progress:
        task = progress.add_task("taking over", total=None)
        done = opened.import_bucket(progress=lambda *_: progress.advance(task))
    if not done:
        return output.say("nothing to take over: every bar in the bucket is barledger's own, or there is none", done)
    rows = [(one.what, one.layer, one.rows, one.removed, one.quarantined, one.left or None) for one in done]
    columns = ("series", "version", "# new bars", "# old points removed", "# newly quarantined", "left as it was")
    return output.table("", columns, rows, done)


def _mend(how: Literal["adopt", "rebuild", "reconcile"], store: str, ledger: str, json: bool) -> None:  # noqa: FBT001 - a command's option
    output = Output(as_json=json)
    with library(store, ledger, mending=True) as opened, output.progress() as progress:
        task = progress.add_task(how, total=len(opened.vault.store.series()))
        done = opened.reconcile(how, progress=lambda *_: progress.advance(task))
    rows = [
        (str(one.series), one.rows, one.recalled, ", ".join(one.blocks) or None, ", ".join(one.versions) or None)
        for one in done
    ]
    columns = ("series", "# bars", "# revisions recalled", "blocks with new digests", "versions found")
    output.table("", columns, rows, {"total": total(done), "series": done})
    if not json:
        output.note("snapshots say themselves whether they still hold: barledger snapshot verify <id>")
