"""What a ledger promises of its registers: coverage, priorities, symbols, quarantine and the audit log."""

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
import rfc8785

from barledger.domain.interval import Interval, everything
from barledger.errors import LeaseLost, NameTaken
from barledger.ledger.contract import Cover, Intent, Ledger, Outcome, QuarantinedBar, SnapshotDraft, Symbol, Who
from barledger.testing.bars import HOSTILE_NAMES, series
from barledger.testing.commits import LEASE, WHO, begin, change, commit, stretch

A, B = series("AAPL"), series("MSFT")

HOSTILE = (
    *HOSTILE_NAMES,
    "'; DROP TABLE series; --",
    '"; DROP TABLE audit; --',
    "Robert'); DELETE FROM revisions;--",
    "{a,b}",
    "{NULL}",
    "NULL",
    "null",
    "\\",
    "\\\\x00",
    'a"b\\"c',
    "%s %(x)s :name ? $1",
    "😀 \u202e \u00e9 e\u0301",
    "\uffff \U0001f600",
    "x" * 500,
    "日" * 500,
)


class RegisterPromises:
    """What was asked of sources, whom to prefer, what instruments are called, and which bars were put aside."""

    def test_coverage_keeps_the_newest_answer(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        first = _cover(ledger, (0, 10, "fetched"), (20, 30, "nothing-there"))
        second = _cover(ledger, (5, 15, "source-down"), (28, 40, "nothing-there"))
        found = open_ledger().catalog.coverage(A)
        assert [(cover.interval, cover.outcome, cover.checked_at) for cover in found] == [
            (stretch(0, 5), "fetched", first),
            (stretch(5, 15), "source-down", second),
            # Neighbours with one outcome are joined, and are as old as the older of them.
            (stretch(20, 40), "nothing-there", first),
        ]
        assert ledger.catalog.coverage(B) == []

    def test_coverage_becomes_true_with_its_commit(self, ledger: Ledger) -> None:
        pending = begin(ledger, A)
        covers = [Cover(series=A, interval=stretch(0, 10), outcome="fetched")]
        with pytest.raises(LeaseLost):
            ledger.revisions.commit(pending, Outcome(changes=[change(B)], coverage=covers), WHO)
        assert ledger.catalog.coverage(A) == []
        time = ledger.revisions.commit(pending, Outcome(changes=[change(A)], coverage=covers), WHO)
        assert [cover.checked_at for cover in ledger.catalog.coverage(A)] == [time]

    def test_the_most_specific_priority_comes_first(self, ledger: Ledger) -> None:
        entries = ledger.audit.count()
        for pattern, timeframe in (("*", "*"), ("BTC*", "*"), ("AAPL", "*"), ("AAPL", "1d"), ("A*", "1d")):
            ledger.catalog.set_priority(pattern, timeframe, ["binance", pattern], "fill", WHO)
        ledger.catalog.set_priority("*", "*", ["kraken"], "strict", WHO)
        ledger.catalog.set_priority("A*", "1d", [], "fill", WHO)
        assert ledger.catalog.priorities() == [
            ("AAPL", "1d", ("binance", "AAPL"), "fill"),
            ("AAPL", "*", ("binance", "AAPL"), "fill"),
            ("BTC*", "*", ("binance", "BTC*"), "fill"),
            ("*", "*", ("kraken",), "strict"),
        ]
        assert ledger.audit.count() == entries + 7

    def test_a_symbol_means_an_instrument_for_a_while(self, ledger: Ledger) -> None:
        old, new = stretch(0, 100), stretch(100, 200)
        for instrument, native, valid in (
            ("META", "FB", old),
            ("META", "META", new),
            ("ROUNDHILL", "META", stretch(50, 100)),
        ):
            ledger.symbols.add(Symbol(instrument=instrument, source="yahoo", native=native, valid=valid), WHO)
        moments = {at: ledger.symbols.native("META", "yahoo", stretch(at, at).start) for at in (0, 99, 100, 199)}
        assert moments == {0: "FB", 99: "FB", 100: "META", 199: "META"}
        assert ledger.symbols.native("META", "yahoo", new.end) is None
        assert ledger.symbols.native("META", "other", new.start) is None
        assert ledger.symbols.instrument("META", "yahoo", new.start) == "META"
        assert ledger.symbols.instrument("META", "yahoo", new.start - 1) == "ROUNDHILL"
        assert ledger.symbols.instrument("FB", "yahoo", new.start) is None
        assert [symbol.native for symbol in ledger.symbols.list(instrument="META")] == ["FB", "META"]
        assert len(ledger.symbols.list()) == 3

    def test_a_symbol_never_means_two_instruments_at_once(self, ledger: Ledger) -> None:
        def add(instrument: str, valid: Interval, source: str = "s") -> None:
            ledger.symbols.add(Symbol(instrument=instrument, source=source, native="X", valid=valid), WHO)

        add("ONE", stretch(10, 20))
        entries = ledger.audit.count()
        for valid in (stretch(10, 20), stretch(0, 11), stretch(19, 30), stretch(12, 13), everything()):
            with pytest.raises(NameTaken):
                add("TWO", valid)
        assert ledger.audit.count() == entries
        assert ledger.symbols.instrument("X", "s", stretch(15, 15).start) == "ONE"
        add("TWO", stretch(20, 30))
        add("TWO", stretch(0, 10))
        add("TWO", stretch(10, 20), "other source")
        add("ONE", stretch(10, 15))
        assert ledger.symbols.instrument("X", "s", stretch(16, 16).start) is None

    def test_quarantined_bars_keep_their_values_and_reason(self, ledger: Ledger) -> None:
        def bar(at: int, code: str, **values: object) -> QuarantinedBar:
            return QuarantinedBar(series=A, time=stretch(at, at).start, code=code, values=values, actor="tester")

        given = [bar(2, "high-below-low", high=1.5, low=2.5), bar(1, "negative-price", low=-1.0, note='a "b" {c}')]
        assert ledger.quarantine.add(given, WHO) == 2
        assert ledger.audit.count() == 1
        again = [given[0], bar(2, "high-below-low", high=1.5, low=3.5), bar(2, "high-below-low", high=1.5, low=3.5)]
        assert ledger.quarantine.add(again, WHO) == 1
        assert ledger.quarantine.add(given, WHO) == 0
        assert ledger.quarantine.add([], WHO) == 0
        assert ledger.audit.count() == 2
        found = ledger.quarantine.list(series=A)
        assert [(one.series, one.time, one.code, one.values, one.actor) for one in found] == [
            (one.series, one.time, one.code, one.values, one.actor) for one in (given[1], given[0], again[1])
        ]
        assert all(one.at for one in found)
        assert ledger.quarantine.list() == found
        assert ledger.quarantine.list(series=B) == []

    def test_a_bar_with_long_values_is_quarantined_too(self, ledger: Ledger) -> None:
        values = {"source_id": "".join(chr(0x4E00 + at * 37 % 20000) for at in range(20_000))}
        bar = QuarantinedBar(series=A, time=0, code="empty-bar", values=values, actor="tester")
        assert ledger.quarantine.add([bar], WHO) == 1
        assert ledger.quarantine.add([bar], WHO) == 0
        assert ledger.quarantine.list()[0].values == values


class AuditPromises:
    """The audit log tells everything, in order, in one canonical form."""

    def test_entries_are_numbered_without_gaps(self, ledger: Ledger) -> None:
        for _ in range(3):
            commit(ledger, A)
            pending = begin(ledger, A)
            with pytest.raises(LeaseLost):
                ledger.revisions.commit(pending, Outcome(changes=[change(A), change(B)]), WHO)
            ledger.revisions.abort(pending)
            ledger.audit.append(Who(actor="someone", operation="look"), {"what": "nothing"})
        entries = ledger.audit.entries()
        assert [entry.sequence for entry in entries] == list(range(1, ledger.audit.count() + 1))
        assert all(earlier.time < later.time for earlier, later in pairwise(entries))

    def test_entries_are_found_by_sequence_operation_and_series(self, ledger: Ledger) -> None:
        commit(ledger, A)
        commit(ledger, A, B)
        told = ledger.audit.append(Who(actor="someone", operation="look"), {})
        commit(ledger, B)

        def found(**where: object) -> list[int]:
            return [entry.sequence for entry in ledger.audit.entries(**where)]  # type: ignore[arg-type]

        assert found() == [1, 2, 3, 4]
        assert found(after=2) == [3, 4]
        assert found(after=1, limit=2) == [2, 3]
        assert found(limit=0) == []
        assert found(operation="look") == [3]
        assert found(series=A) == [1, 2]
        assert found(series=B, after=2, operation="write") == [4]
        assert found(series=series("NEVER")) == []
        assert ledger.audit.entries(operation="look") == [told]

    def test_bodies_are_canonical_json(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        details = {
            "\U0001f600": 1.0,
            "\uffff": [1e21, -0.0, 5e-324, 0.1, 1 / 3],
            "big": 2**63 - 1,
            "nested": {"b": [None, True, {"z": 1, "a": {"\u20ac": "\u2028\x00\x1f\x7f/"}}], "a": '\t\n"\\'},
            "text": list(HOSTILE),
            "bytes": b"\x00\xff",
        }
        for name in HOSTILE:
            ledger.audit.append(Who(actor=name, operation=name, reason=name, purpose=name, trigger=name), {name: name})
        commit(ledger, *(series(name, source=name) for name in HOSTILE))
        ledger.audit.append(WHO, details)
        for entry in open_ledger().audit.entries():
            data = json.loads(entry.body)
            assert entry.body.encode() == rfc8785.dumps(data)
            assert data["sequence"] == str(entry.sequence)
            assert data["time"] == str(entry.time)
            assert (data["actor"], data["operation"]) == (entry.actor, entry.operation)
        assert data["big"] == str(2**63 - 1)
        assert data["nested"]["b"][2] == {"z": "1", "a": {"\u20ac": "\u2028\x00\x1f\x7f/"}}

    def test_a_commit_tells_what_it_did(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = ledger.revisions.state(A)
        who = Who(actor="someone", operation="correct", reason="why", purpose="research", trigger="event-7")
        revision = commit(ledger, A, who=who, new=1, changed=2, withdrawn=3, same=4)
        entry = ledger.audit.entries()[-1]
        told = entry.data
        assert (entry.actor, entry.operation) == ("someone", "correct")
        assert (told["reason"], told["purpose"], told["trigger"]) == ("why", "research", "event-7")
        assert told["revision"] == str(revision)
        (one,) = told["series"]
        assert (one["instrument"], one["timeframe"], one["source"], one["is_adjusted"]) == ("AAPL", "1d", "test", False)
        assert (one["new"], one["changed"], one["withdrawn"], one["same"]) == ("1", "2", "3", "4")
        assert one["digest_before"] == before.digest.hex()
        assert one["digest_after"] == ledger.revisions.state(A).digest.hex()

    def test_hostile_names_come_back(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        many = [series(name, source=name) for name in HOSTILE]
        commit(ledger, *many)
        worst = HOSTILE[len(HOSTILE_NAMES) :]
        for name, one in zip(worst, many[len(HOSTILE_NAMES) :], strict=True):
            who = Who(actor=name, operation="write", reason=name, trigger=name)
            pending = ledger.revisions.begin([Intent(series=one, interval=everything())], who, lease=LEASE, owner=name)
            assert pending is not None
            covers = [Cover(series=one, interval=stretch(0, 1), outcome=name)]
            ledger.revisions.commit(pending, Outcome(changes=[change(one)], coverage=covers, details={name: name}), who)
            ranges = [Intent(series=one, interval=everything())]
            ledger.snapshots.pin(SnapshotDraft(id=name, purpose=name, strategy=name, ranges=ranges), who)
            ledger.symbols.add(Symbol(instrument=name, source=name, native=name, valid=everything()), who)
            ledger.catalog.set_priority(name, "*", [name], "fill", who)
        other = open_ledger()
        assert other.catalog.series() == sorted(many)
        assert all(other.catalog.series(instrument=one.instrument) == [one] for one in many[:3])
        for name, one in zip(worst, many[len(HOSTILE_NAMES) :], strict=True):
            assert other.catalog.series(instrument=name) == [one]
            record = other.revisions.records(one)[-1]
            assert (record.actor, record.reason, record.trigger) == (name, name, name)
            assert other.catalog.coverage(one)[0].outcome == name
            snapshot = other.snapshots.of_strategy(name)
            assert snapshot is not None
            assert (snapshot.id, snapshot.purpose, snapshot.created_by) == (name, name, name)
            assert other.snapshots.get(name) == snapshot
            assert other.symbols.native(name, name, 0) == name
        assert {pattern for pattern, _, _, _ in other.catalog.priorities()} == set(worst)
        assert {parcel.tags["instrument"] for parcel in other.outbox.waiting()} == set(worst)


def _cover(ledger: Ledger, *asked: tuple[int, int, str]) -> int:
    pending = begin(ledger, A)
    covers = [Cover(series=A, interval=stretch(first, last), outcome=outcome) for first, last, outcome in asked]
    return ledger.revisions.commit(pending, Outcome(changes=[change(A)], coverage=covers), WHO)
