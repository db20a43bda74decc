"""The demo: a restatement of real bars, and what a snapshot makes of it."""

import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
import typer
from rich.markup import escape
from rich.panel import Panel

from barledger.barledger import BarLedger, open_barledger
from barledger.cli import background
from barledger.cli.background import answer_of
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger
from barledger.cli.tampering import flip_a_byte
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES
from barledger.errors import NotEmpty
from barledger.ledger.contract import Snapshot
from barledger.services.cache.commit import Written
from barledger.services.ingestion import add
from barledger.settings import Settings
from barledger.sources.sample import EARLIER, NEWEST, TICKERS

_SOURCE: Final = "sample"
_MARKER: Final = "this-is-a-barledger-demo"
_WITHDRAWN: Final = 20
_MADE_UP: Final = 5
_STRATEGY: Final = "momentum-7"
_SINCE: Final = "2005-01-01"


def demo(
    store: Annotated[str, typer.Option("--store", help="A new folder, or influxdb+http://host:8086/new_bucket.")] = "",
    ledger: Ledger = "",
    serve: Annotated[bool, typer.Option("--serve", help="Serve it then, in the background.")] = False,
    port: Annotated[int, typer.Option(help="For --serve; if it is taken, any other.", min=1, max=65_535)] = 8321,
    stop: Annotated[bool, typer.Option("--stop", help="Stop what --serve started, and do nothing else.")] = False,
    json: Json = False,
) -> None:
    """Show the main job on real data: ingest, pin, restate, compare, verify, and catch a flipped byte.

    With --serve it ends with a server that runs in the background, and what that answers.
    """
    output = Output(as_json=json)
    settings = Settings()
    serving = settings.home.expanduser().absolute() / "server" / "demo.json"
    stopped = background.stop(serving)
    if stop:
        told = {"stopped": None if stopped is None else stopped.url}
        output.say("no demo is served" if stopped is None else f"{stopped.url} is no longer served", told)
        return
    place = store or str(_fresh_folder(settings.home / "demo"))
    with open_barledger(place, ledger=ledger or None, settings=settings) as library:
        if library.vault.ledger.catalog.series():
            raise NotEmpty(where=place)
        story = _Story(library, output, settings)
        story.tell(place)
        if serve:
            made = background.start(serving, home=settings.home, store=place, ledger=ledger, port=port)
            story.ask(made)
        story.finish(place)


class _Story:
    """The steps, in the order in which they happen."""

    def __init__(self, library: BarLedger, output: Output, settings: Settings) -> None:
        self._library = library
        self._output = output
        self._settings = settings
        self._told: dict[str, Any] = {}
        self._pinned = ""
        self._began = time.monotonic()

    def tell(self, place: str) -> None:
        what = f"real daily bars of {', '.join(TICKERS)} (bokeh-sampledata {NEWEST})"
        self._say("1", f"Ingest {what} into {escape(place)}")
        self._count("ingested", self._ingest(NEWEST))
        self._say("2", f"Pin what the backtest of {_STRATEGY} sees")
        snapshot = self._snapshot()
        self._say("3", f"The desk withdraws {_WITHDRAWN} bars of FB and adds {_MADE_UP} made-up ones, on purpose")
        self._tinker()
        before = self._moment()
        self._say("4", f"The same source restates its history (bokeh-sampledata {EARLIER})")
        self._count("restated", self._ingest(EARLIER))
        self._say("5", "Read three states of the same bars")
        self._compare(snapshot, before)
        self._say("6", "Verify the snapshot, then flip one byte in a copy")
        self._verify(snapshot)

    def ask(self, server: background.Background) -> None:
        """Read the snapshot from a server, and once more with the tag of what it answered."""
        self._say("7", f"Serve it at {server.url} in the background (process {server.pid})")
        expected = self._library.bars("AAPL", "1d", source=_SOURCE, start=_SINCE, version=self._pinned)
        query = f"start_date={_SINCE}&source={_SOURCE}&version={self._pinned}"
        url = f"{server.url}/api/v1/data/ohlcv/AAPL/1d?{query}"
        first = answer_of(url, server.key_file)
        again = answer_of(url, server.key_file, tag=first.headers["etag"])
        same = first.headers["barledger-digest"] == expected.digest
        answers = [
            {"status": first.status, "bars": first.headers["barledger-rows"], "bytes": first.size, "same_digest": same},
            {"status": again.status, "bytes": again.size},
        ]
        self._told["server"] = {**asdict(server), "answers": answers}
        verdict = "[green]the digest of the library[/]" if same else "[red]another digest[/]"
        self._line(f'  $ curl -H "Authorization: Bearer $(cat {escape(server.key_file)})" "{escape(url)}"')
        self._line(f"  {first.status}: {len(expected):,} bars in {first.size:,} bytes, {verdict}")
        self._line(f"  {again.status} with its ETag: {again.size} bytes")
        self._line(f"  {server.url}/docs describes it (any name, and the key as the password)")

    def _ingest(self, vintage: str) -> Written:
        done = Written(series=(), revision=0, fields={})
        with self._output.progress() as progress:
            task = progress.add_task(f"vintage {vintage}", total=len(TICKERS))
            for ticker in TICKERS:
                reason = f"vintage {vintage}"
                options = {"vintage": vintage}
                done = add(done, self._library.ingest(ticker, "1d", source=_SOURCE, reason=reason, options=options))
                progress.advance(task)
        return done

    def _snapshot(self) -> Snapshot:
        made = self._library.snapshot(TICKERS, "1d", purpose="backtest", strategy=_STRATEGY, source=_SOURCE)
        self._pinned = made.id
        self._told["snapshot"] = {"id": made.id, "data_hash": made.data_hash}
        self._line(f"  {made.id} pins {sum(pin.rows for pin in made.pins):,} bars; data hash {made.data_hash[:16]}…")
        return made

    def _tinker(self) -> None:
        bars = self._library.bars("FB", "1d", source=_SOURCE)
        times = [int(time) for time in bars.time[:_WITHDRAWN]]
        self._library.withdraw("FB", "1d", times, source=_SOURCE, reason="demo: withdrawn on purpose")
        days = pd.date_range("2013-03-04", periods=_MADE_UP, tz="UTC")
        flat = pd.DataFrame(dict.fromkeys(VALUES, np.linspace(27.0, 28.0, _MADE_UP)), index=days)
        done = self._library.write("FB", "1d", flat, source=_SOURCE, reason="demo: made up")
        self._told["tinkered"] = {"withdrawn": _WITHDRAWN, "made_up": done.new}
        self._line(f"  {_WITHDRAWN} withdrawn, {done.new} made up: nothing in barledger hides that they are")

    def _moment(self) -> str:
        moment = format_time(self._library.vault.ledger.now())
        self._told["before_restatement"] = moment
        return moment

    def _count(self, name: str, done: Written) -> None:
        counts = {"new": done.new, "changed": done.changed, "same": done.same, "jitter": done.jitter}
        self._told[name] = {**counts, "fields": done.fields}
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        self._line(f"  {told}")
        if done.fields and not self._output.as_json:
            rows = [(field, done.fields.get(field, 0)) for field in VALUES]
            self._output.table("", ("field", "# bars"), rows, rows)

    def _compare(self, snapshot: Snapshot, before: str) -> None:
        versions = {"latest": "latest", "just before": before, "snapshot": snapshot.id}
        rows = []
        for ticker in TICKERS:
            for name, version in versions.items():
                bars = self._library.bars(ticker, "1d", source=_SOURCE, version=version)
                frame = bars.df
                volume = frame["volume"].sum() / 1e6
                rows.append((ticker, name, len(bars), frame["close"].mean(), volume, bars.digest[:8]))
        columns = ("instrument", "state", "# bars", "# mean close", "# volume, M", "digest")
        self._told["states"] = [
            dict(zip(("instrument", "state", "bars", "mean_close", "volume_millions", "digest"), row, strict=True))
            for row in rows
        ]
        if not self._output.as_json:
            self._output.table("", columns, rows, rows)

    def _verify(self, snapshot: Snapshot) -> None:
        found = self._library.verify(snapshot.id)
        self._told["verified"] = found.ok
        verdict = "[green]unchanged[/]" if found.ok else "[red]damaged[/]"
        self._line(f"  {snapshot.id}: {found.rows:,} bars read again, {verdict}")
        copy = _fresh_folder(self._settings.home / "demo-copy")
        self._library.back_up(copy)
        where = flip_a_byte(copy, lambda: self._names_one_block(copy, snapshot))
        with open_barledger(copy, settings=self._settings) as damaged:
            after = damaged.verify(snapshot.id)
        self._told["flipped"] = {"where": where, "ok": after.ok, "damage": [str(one) for one in after.damage]}
        verdict = "[green]nothing found[/]" if after.ok else "[red]verification fails[/]"
        self._line(f"  {where} flipped: {verdict}")
        for one in after.damage:
            self._line(f"    [red]{escape(str(one))}[/]")

    def _names_one_block(self, folder: Path, snapshot: Snapshot) -> bool:
        """Tell whether a bar of the snapshot is hit, and not one that was superseded or the filling between columns."""
        with open_barledger(folder, settings=self._settings) as damaged:
            return [one.blocks for one in damaged.verify(snapshot.id).damage] == [1]

    def finish(self, place: str) -> None:
        """Say how long it took, and what to try next."""
        seconds = time.monotonic() - self._began
        if self._output.as_json:
            return self._output.json({**self._told, "store": place, "seconds": round(seconds, 2)})
        ours = f'--store "{place}"'
        command = "barledger" if shutil.which("barledger") else sys.argv[0]
        steps = [
            f"{command} snapshot verify {self._pinned} {ours}",
            f"{command} history AAPL 1d 2005-02-28 --source sample {ours}",
            f"{command} bars FB 1d --version {self._pinned} --last 5 {ours}",
            f"{command} versions FB 1d {ours}",
            f"{command} audit {ours}",
        ]
        head = f"Your backtest's input did not change under you. ({seconds:.1f} s)"
        self._output.console.print(Panel(head, expand=False))
        self._line("Try next:")
        for step in steps:
            self._line(f"  {escape(step)}")
        if "server" in self._told:
            self._line(f"Stop the server: {command} demo --stop")
        self._line("What is in this library goes with the next demo; keep yours elsewhere.")
        return None

    def _say(self, number: str, text: str) -> None:
        self._line(f"[bold cyan]{number}[/] [bold]{text}[/]")

    def _line(self, text: str) -> None:
        if not self._output.as_json:
            self._output.console.print(text, highlight=False, soft_wrap=True)


def _fresh_folder(folder: Path) -> Path:
    """Return an empty folder, deleting what an earlier demo left there, and nothing else."""
    if folder.exists():
        if not (folder / _MARKER).exists() and any(folder.iterdir()):
            raise NotEmpty(where=str(folder))
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARKER).touch()
    return folder
