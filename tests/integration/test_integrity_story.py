"""The whole story of a source that changes its mind: found, told, decided, proved and undone, on each store and ledger.

Nothing is played: the source is an exchange's API on loopback, asked by the source that people use; the schedule runs
as `barledger schedule run` runs it; mail and webhook arrive at servers.
"""

import base64
import hashlib
import hmac
import json
import runpy
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from barledger import BarLedger, Bars, verify_audit
from barledger.cli.app import run
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY, Timeframe
from barledger.ledger.sql import SqlLedger
from barledger.settings import Settings
from exchanges import FakeBinance
from libraries import GRACE, TurnableClock
from places import EVERYWHERE, Place, place_called
from receivers import Hook, Mailbox, Received, hook, mailbox, wait_for

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_evidence.py"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a secret of this test
SERIES = "BTCUSDT 1d from binance"
DAYS = 120
SPLIT = 30
"""So many days ago the price was, as the source says from some day on, in another unit."""


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A store and a ledger of each kind."""
    with place_called(request.param, request, tmp_path / "library") as made:
        yield made


class Story:
    """A library with its jobs and channels, the exchange that it knows, and what arrived outside."""

    def __init__(self, bl: BarLedger, server: FakeBinance, clock: TurnableClock, folder: Path) -> None:
        self.bl, self.server, self.clock, self.folder = bl, server, clock, folder
        self.today = clock() // DAY

    def day(self, ago: int) -> int:
        return (self.today - ago) * DAY

    def changes_its_mind(self) -> None:
        """Let the source give a tenth of every price before a day, and ten times the volume."""
        listing, frame = self.server.listings["BTCUSDT"], Timeframe.of("1d")
        for at in range(self.day(DAYS + 5), self.day(SPLIT), DAY):
            bar = listing.bar(frame, at, self.clock())
            divided = {name: bar[name] / 10 for name in ("open", "high", "low", "close")}
            listing.correct("1d", at, **divided, volume=bar["volume"] * 10)

    def bars(self, version: str | int = "latest") -> Bars:
        return self.bl.bars("BTCUSDT", "1d", source="binance", version=version)


def bytes_of(bars: Bars) -> bytes:
    """Return the times and values of bars, bit by bit."""
    return b"".join(np.ascontiguousarray(getattr(bars.rows, name)).tobytes() for name in ("time", *VALUES))


@pytest.fixture
def story(place: Place, fake_binance: FakeBinance, tmp_path: Path) -> Iterator[Story]:
    clock = TurnableClock()
    # The library's calendar is two days behind until it is turned to the exchange's.
    clock.turn(-2)
    (tmp_path / "library").mkdir(exist_ok=True)
    ledger = SqlLedger.open(place.ledger, clock=clock, grace=GRACE)
    settings = Settings(actor="schedule@desk", home=tmp_path / "home", wait=20.0)
    with BarLedger(place.open_store(), ledger, settings=settings) as bl:
        yield Story(bl, fake_binance, clock, tmp_path)


@contextmanager
def running(bl: BarLedger) -> Iterator[None]:
    """Run the schedule as its command does, timers, deliveries and all."""
    stop, ended = Event(), []
    thread = Thread(target=lambda: ended.append(bl.schedule.run(stop, grace=20.0)), name="story-schedule")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert ended, "the schedule did not come to its end"
    assert ended[0].interrupted == ()


def declare(story: Story) -> None:
    """Declare what runs by itself."""
    asked = {"source": "binance", "source_options": {"url": story.server.url, "rate_limit": "no"}}
    schedule = story.bl.schedule
    start = format_time(story.day(DAYS))
    load = {"instruments": "BTCUSDT", "timeframe": "1d", "start": start, **asked}
    schedule.add("load", "ingest", when="every 1w", options=load)
    schedule.add("truth", "reconcile", when="every 1d", options={**asked, "share": 0.001})
    schedule.add("pin", "snapshot", when="on restatement")


def connect_channels(bl: BarLedger, box: Mailbox, server: Hook) -> None:
    url = f"mailto://localhost:{box.port}?to=desk@example.com&from=barledger@example.com&mode=insecure"
    bl.notifications.add_channel("mail", url)
    bl.notifications.add_channel("hook", server.url, secret=SECRET)


def signed(received: Received) -> bool:
    """Verify a webhook as its receiver would, by the specification alone."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    stamp = received.headers["webhook-timestamp"]
    text = f"{received.id}.{stamp}.".encode() + received.body
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(wanted, received.headers["webhook-signature"])


def told(server: Hook, kind: str) -> dict[str, Any]:
    """Return the one notice of a kind that came by webhook."""
    (one,) = [each for each in server.received if each.data["type"] == f"barledger.{kind}"]
    assert signed(one)
    found: dict[str, Any] = one.data["data"]
    return found


def letters(box: Mailbox) -> list[str]:
    """Return the mails that came, as their readers see them."""
    parsed = [message_from_bytes(mail.content, policy=default) for mail in box.mails]
    return [f"{one['subject']}\n{one.get_body(('plain', 'html')).get_content()}" for one in parsed]


def came(box: Mailbox, server: Hook, **kinds: str) -> bool:
    """Whether notices of these kinds came both ways, by mail with these words."""
    types, mails = {each.data["type"] for each in server.received}, "\n".join(letters(box))
    return all(f"barledger.{kind}" in types and words in mails for kind, words in kinds.items())


def test_a_source_changes_its_mind(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    bl = story.bl
    declare(story)
    assert bl.schedule.run_now("load").error == ""
    # The clock is turned on over days, and the turn of a week may be among them.
    bl.schedule.enable("load", enabled=False)
    original = story.bars()
    assert len(original) == DAYS
    approved = bl.snapshot("BTCUSDT", "1d", source="binance", strategy="momentum-7", purpose="approval", id="bt-1")
    bl.cache.approve(approved.id, strategy="momentum-7")
    bl.evidence(approved.id, story.folder / "before.zip")

    story.changes_its_mind()
    story.clock.turn(2)
    with mailbox() as box, hook() as server:
        connect_channels(bl, box, server)
        with running(bl):
            wait_for(lambda: came(box, server, discrepancy=f"{SERIES}: restatement"))
            (found,) = bl.integrity.discrepancies(kind="restatement")
            assert (found.state, found.factor, str(found.series)) == ("proposed", pytest.approx(0.1), SERIES)
            assert told(server, "discrepancy")["details"]["discrepancy"] == found.id
            assert same(story, original), "nothing changes before somebody has decided"

            with bl.acting_as("alice@desk") as alice:
                shown = alice.integrity.discrepancy(found.id)
                assert (shown.snapshots, shown.strategies) == (("bt-1",), ("momentum-7",))
                assert len(shown.diff) == DAYS - SPLIT
                accepted = alice.integrity.accept(found.id, reason="redenominated, says its page")
            touched = "strategy momentum-7: bt-1 holds bars"
            wait_for(lambda: came(box, server, correction_applied="applied", approved_snapshot_touched=touched))
            wait_for(lambda: bl.cache.snapshots(purpose="event"))
    assert told(server, "correction_applied")["details"]["revision"] == str(accepted.revision)
    assert told(server, "approved_snapshot_touched")["details"]["snapshots"] == ["bt-1"]

    moved = story.bars()
    assert moved.revision == accepted.revision
    np.testing.assert_allclose(moved.rows.close[: DAYS - SPLIT] * 10, original.rows.close[: DAYS - SPLIT], rtol=1e-6)
    np.testing.assert_array_equal(moved.rows.close[DAYS - SPLIT :], original.rows.close[DAYS - SPLIT :])
    stays(story, original)
    (event,) = bl.cache.snapshots(purpose="event")
    assert [pin.revision for pin in event.pins] == [accepted.revision]

    with bl.acting_as("alice@desk") as alice:
        undone = alice.integrity.undo(found.id, reason="their mistake, says their page")
    restored = story.bars()
    assert (restored.revision, restored.digest) == (undone.revision, original.digest)
    assert bytes_of(restored) == bytes_of(original)
    assert story.bars(accepted.revision).digest == moved.digest
    stays(story, original)

    proved(story, found.id, capsys)
    story.clock.turn(1)
    again = bl.schedule.run_now("truth")
    assert (again.error, again.result["compared"]) == ("", DAYS)
    assert bl.integrity.discrepancies(kind="restatement") == [], "what was undone is not proposed again"


def same(story: Story, original: Bars) -> bool:
    now = story.bars()
    return (now.revision, now.digest, bytes_of(now)) == (original.revision, original.digest, bytes_of(original))


def stays(story: Story, original: Bars) -> None:
    """Compare the original revision and the approved snapshot with what they were, by digest and by bytes."""
    for version in (original.revision, "bt-1", "strategy:momentum-7"):
        kept = story.bars(version)
        assert (kept.digest, bytes_of(kept)) == (original.digest, bytes_of(original))
    assert story.bl.verify("bt-1").ok
    evidence = story.folder / f"evidence-{len(story.bl.audit)}.zip"
    story.bl.evidence("bt-1", evidence)
    with zipfile.ZipFile(evidence) as now, zipfile.ZipFile(story.folder / "before.zip") as before:
        for name in ("bars/1.jsonl", "manifest.json"):
            assert now.read(name) == before.read(name)
    key = story.bl.audit.public_key
    assert runpy.run_path(str(SCRIPT))["verify"](evidence, str(key)).startswith("VERIFIED")


def proved(story: Story, discrepancy: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Prove every entry against one signed checkpoint, find every step among them, and verify the export offline."""
    bl, anchor = story.bl, story.folder / "anchor"
    checkpoint = bl.audit.checkpoint(anchor=anchor)
    entries = bl.audit.entries()
    assert checkpoint.size == len(entries)
    assert all(bl.audit.prove(one.sequence, checkpoint=checkpoint).ok for one in entries)

    steps = bl.integrity.discrepancy(discrepancy).steps
    assert [step.state for step in steps] == ["proposed", "accepted", "applied", "undone"]
    mine = [one for one in entries if discrepancy in one.body]
    done = [(one.operation, one.data["actor"]) for one in mine]
    for step in (("reconcile", "schedule@desk"), *((name, "alice@desk") for name in STEPS)):
        assert step in done, f"the log does not tell of {step}: {done}"

    export, key = story.folder / "log.jsonl", story.folder / "audit.pub"
    bl.audit.export(export)
    key.write_text(f"{bl.audit.public_key}\n")
    assert verify_audit(export, key, against=[anchor]).ok
    assert run(["audit", "verify", str(export), "--key", str(key), "--against", str(anchor)]) == 0
    assert f"verified: {len(entries)} entries" in capsys.readouterr().out
    undoing = next(one.sequence for one in mine if one.operation == "undo")
    lines = export.read_text().splitlines()
    told = json.loads(lines[undoing])
    lines[undoing] = json.dumps({**told, "body": told["body"].replace("alice@desk", "nobody@desk")}, sort_keys=True)
    export.write_text("\n".join(lines) + "\n")
    edited = verify_audit(export, key)
    assert not edited.ok
    assert edited.first_wrong is not None


STEPS = ("accept", "correct", "apply", "undo")
