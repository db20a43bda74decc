"""What a ledger promises of instruments, corporate actions, and many of them at once."""

from collections.abc import Callable
from dataclasses import replace

from barledger.domain.action import CorporateAction
from barledger.domain.instrument import Facts, Halt, Instrument
from barledger.domain.interval import Interval, everything
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.ledger.contract import Cover, Ledger, Materialised, Outcome, QuarantinedBar
from barledger.testing.bars import HOSTILE_NAMES, series
from barledger.testing.commits import WHO, begin, block, change, commit, stretch, year

A, B = series("AAPL"), series("MSFT")


class InstrumentPromises:
    """What is said of instruments, and by whom."""

    def test_what_an_origin_says_replaces_what_it_said(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        first = Facts(pattern="AAPL", origin="yahoo", kind="stock", currency="USD")
        assert ledger.instruments.tell([first], WHO) == 1
        assert ledger.instruments.tell([first], WHO) == 0
        assert ledger.audit.count() == 1
        declared = Facts(pattern="AAPL", calendar="XNYS", first_trade=5)
        better = Facts(pattern="AAPL", origin="yahoo", kind="etf")
        assert ledger.instruments.tell([declared, better], WHO) == 2
        assert open_ledger().instruments.facts() == [declared, better]
        assert ledger.instruments.tell([Facts(pattern="AAPL", origin="yahoo")], WHO) == 1
        assert ledger.instruments.facts() == [declared]

    def test_the_most_specific_word_counts_for_each_fact(self, ledger: Ledger) -> None:
        ledger.instruments.tell(
            [
                Facts(pattern="*", calendar="24/7", currency="EUR", kind="other"),
                Facts(pattern="A*", calendar="XNYS"),
                Facts(pattern="AAPL", origin="yahoo", kind="stock", calendar="XNAS", currency="USD"),
            ],
            WHO,
        )
        found = Instrument.of("AAPL", ledger.instruments.facts())
        assert (found.calendar, found.currency, found.kind) == ("XNYS", "EUR", "other")
        ledger.instruments.tell([Facts(pattern="*")], WHO)
        found = Instrument.of("AAPL", ledger.instruments.facts())
        assert (found.calendar, found.currency, found.kind) == ("XNYS", "USD", "stock")
        assert found.origins == {"calendar": "declared", "currency": "yahoo", "kind": "yahoo"}
        unknown = Instrument.of("MSFT", ledger.instruments.facts())
        assert (unknown.calendar, unknown.origins) == ("24/7", {"calendar": "default", "kind": "default"})

    def test_names_of_any_kind_are_kept(self, ledger: Ledger) -> None:
        facts = [Facts(pattern=name, currency=name) for name in HOSTILE_NAMES]
        assert ledger.instruments.tell(facts, WHO) == len(facts)
        assert sorted(fact.pattern for fact in ledger.instruments.facts()) == sorted(HOSTILE_NAMES)

    def test_the_mark_of_the_facts_moves_with_them(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        one, other = Facts(pattern="AAPL", kind="stock"), Facts(pattern="I*", origin="yahoo", kind="etf")
        steps = [[one], [other], [Facts(pattern="AAPL", kind="etf")], [Facts(pattern="I*", origin="yahoo")], [other]]
        marks = [ledger.instruments.facts_mark()]
        for step in steps:
            assert ledger.instruments.tell(step, WHO) == 1
            marks.append(open_ledger().instruments.facts_mark())
            assert ledger.instruments.tell(step, WHO) == 0
            assert ledger.instruments.facts_mark() == marks[-1]
        assert len(set(marks)) == len(marks)

    def test_halts_are_declared_and_taken_back(self, ledger: Ledger) -> None:
        one = Halt(instrument="AAPL", interval=Interval(10, 20), reason="news")
        other = Halt(instrument="MSFT", interval=Interval(5, 6), reason="a 'reason'")
        ledger.instruments.halt(one, WHO)
        ledger.instruments.halt(other, WHO)
        ledger.instruments.halt(Halt(instrument="AAPL", interval=Interval(10, 30), reason="longer"), WHO)
        assert [halt.interval.end for halt in ledger.instruments.halts(instrument="AAPL")] == [30]
        ledger.instruments.halt(Halt(instrument="AAPL", interval=Interval(10, 10), reason=""), WHO)
        assert ledger.instruments.halts() == [other]
        assert ledger.audit.count() == 4

    def test_all_that_was_ever_said_is_told_in_order(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        adjusted = {"1d": {"volume": "splits"}}
        one = Facts(pattern="AAPL", calendar="XNYS", first_trade=5, currency='"halt":"USD"')
        other = Facts(pattern="A*", origin="yahoo", adjusted=adjusted)  # type: ignore[arg-type]
        halt = Halt(instrument="AAPL", interval=Interval(10, 20), reason='"facts":[]')
        gone = Halt(instrument="AAPL", interval=Interval(10, 10), reason="")
        ledger.instruments.tell([one, other], WHO)
        between = ledger.now()
        ledger.instruments.halt(halt, WHO)
        ledger.audit.append(WHO, {"note": {"facts": [], "halt": '"halt":'}})
        ledger.instruments.tell([Facts(pattern="AAPL")], WHO)
        ledger.instruments.halt(gone, WHO)
        told = open_ledger().instruments.tellings()
        assert [[*each.facts, *each.halts] for each in told] == [
            [one, other],
            [halt],
            [Facts(pattern="AAPL")],
            [gone],
        ]
        assert [each.time <= between for each in told] == [True, False, False, False]
        assert [each.sequence for each in told] == [1, 2, 4, 5]
        assert ledger.instruments.tellings(after=2) == told[2:]


class ActionPromises:
    """Corporate actions by ex-date and by when they became known."""

    def test_an_action_is_superseded_and_its_past_can_be_read(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        before = ledger.now()
        assert ledger.actions.record([_dividend(0.5), _dividend(0.25, day=2)], WHO) == 2
        first = ledger.now()
        assert ledger.actions.record([_dividend(0.5)], WHO) == 0
        assert ledger.actions.record([_dividend(0.4)], WHO) == 1
        assert _values(ledger) == [0.4, 0.25]
        assert _values(open_ledger(), first) == [0.5, 0.25]
        assert _values(ledger, before) == []
        assert ledger.audit.count() == 2

    def test_a_mark_grows_with_news_and_only_then(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        assert ledger.actions.mark("AAPL") == 0
        ledger.actions.record([_dividend(0.5)], WHO)
        first = ledger.actions.mark("AAPL")
        ledger.actions.record([_dividend(0.5)], WHO)
        assert open_ledger().actions.mark("AAPL") == first > 0
        ledger.actions.record([_dividend(0.5, withdrawn=True)], WHO)
        assert ledger.actions.mark("AAPL") > first
        assert ledger.actions.mark("MSFT") == 0

    def test_a_withdrawn_action_stands_no_more_and_may_come_back(self, ledger: Ledger) -> None:
        never = _dividend(0.5, withdrawn=True)
        assert ledger.actions.record([never], WHO) == 0
        ledger.actions.record([_dividend(0.5)], WHO)
        there = ledger.now()
        assert ledger.actions.record([never], WHO) == 1
        assert _values(ledger) == []
        assert _values(ledger, there) == [0.5]
        assert ledger.actions.record([_dividend(0.5)], WHO) == 1
        assert _values(ledger) == [0.5]
        assert [one.withdrawn for one in ledger.actions.history("AAPL")] == [False, True, False]

    def test_sources_and_kinds_of_a_day_are_different_actions(self, ledger: Ledger) -> None:
        split = CorporateAction(instrument="AAPL", ex_date=DAY, kind="split", source="desk", value=7.0)
        assert ledger.actions.record([_dividend(0.5), split, split], WHO) == 2
        assert [one.kind for one in ledger.actions.list(instrument="AAPL", source="desk")] == ["split"]
        assert ledger.actions.list(instrument="MSFT") == []
        assert len(ledger.actions.list()) == 2

    def test_a_denial_is_news_of_what_nobody_told_and_is_seen_only_by_who_asks(self, ledger: Ledger) -> None:
        denied = _dividend(0.5, withdrawn=True, denied=True)
        before = ledger.now()
        assert ledger.actions.record([denied], WHO) == 1
        assert ledger.actions.list() == []
        assert [one.denied for one in ledger.actions.list(denials=True)] == [True]
        assert ledger.actions.list(denials=True, known_at=before) == []
        assert ledger.actions.record([replace(denied, denied=False)], WHO) == 1
        assert ledger.actions.list(denials=True) == []

    def test_evidence_is_kept_and_only_a_symbol_in_it_is_news(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        one = CorporateAction(
            instrument="FB", ex_date=DAY, kind="symbol_change", source="desk", evidence='{"symbol":"META","why":"é,{}"}'
        )
        assert ledger.actions.record([one], WHO) == 1
        assert ledger.actions.record([replace(one, evidence='{"symbol":"META"}')], WHO) == 0
        (kept,) = open_ledger().actions.list(instrument="FB")
        assert (kept.symbol, kept.told["why"]) == ("META", "é,{}")
        assert ledger.actions.record([replace(one, evidence='{"symbol":"MVRS"}')], WHO) == 1

    def test_what_is_known_of_an_action_waits_for_the_mirror_until_it_is_acknowledged(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        ledger.actions.record([_dividend(0.5), _dividend(0.25, day=2)], WHO)
        first, second = open_ledger().actions.unmirrored()
        ledger.actions.mirrored([first])
        assert open_ledger().actions.unmirrored() == [second]
        ledger.actions.record([_dividend(0.25, day=2, withdrawn=True)], WHO)
        (gone,) = ledger.actions.unmirrored()
        assert gone.withdrawn
        ledger.actions.mirrored([gone])
        assert ledger.actions.unmirrored() == []

    def test_what_was_superseded_on_its_way_to_the_mirror_waits_again(self, ledger: Ledger) -> None:
        ledger.actions.record([_dividend(0.5)], WHO)
        slow = ledger.actions.unmirrored()
        ledger.actions.record([_dividend(0.4)], WHO)
        quick = ledger.actions.unmirrored()
        ledger.actions.mirrored(quick)
        assert ledger.actions.unmirrored() == []
        ledger.actions.mirrored(slow)
        assert ledger.actions.unmirrored() == quick

    def test_adjusted_series_are_kept_under_their_original(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        assert ledger.actions.kept() == []
        for name, adjust in (("B", "total"), ("A", "total"), ("A", "splits")):
            made = Materialised(series=Series.of(name, "1d", "desk"), adjust=adjust)  # type: ignore[arg-type]
            ledger.actions.keep(made, WHO)
        found = open_ledger().actions.kept()
        assert [(one.series.instrument, one.adjust) for one in found] == [("A", "splits"), ("B", "total")]
        assert all(one.since for one in found)
        assert [one.series.instrument for one in ledger.actions.kept(instrument="B")] == ["B"]
        assert ledger.audit.count() == 3
        original = Series.of("B", "1d", "desk")
        assert ledger.actions.end(original, WHO)
        assert not ledger.actions.end(original, WHO)
        assert [one.series.instrument for one in ledger.actions.kept()] == ["A"]
        assert ledger.audit.entries()[-1].data["adjust"] == "total"
        assert ledger.audit.count() == 4


class BulkPromises:
    """Coverage and digests of many series as of one instant, and answers without bars."""

    def test_answers_without_bars_are_noted_with_their_errors(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        failed = Cover(series=A, interval=stretch(0, 10), outcome="fetch_failed", detail="no route to host")
        empty = Cover(series=A, interval=stretch(10, 20), outcome="source_empty")
        ledger.catalog.cover([failed, empty], WHO, details={"native": "AAPL.US"})
        found = open_ledger().catalog.coverage_of([A, B])
        assert [(one.interval, one.outcome, one.detail) for one in found[A]] == [
            (stretch(0, 10), "fetch_failed", "no route to host"),
            (stretch(10, 20), "source_empty", ""),
        ]
        assert found[B] == []
        assert ledger.audit.count() == 1
        again = Cover(series=A, interval=stretch(5, 10), outcome="fetch_failed", detail="time-out")
        ledger.catalog.cover([again], WHO)
        assert [one.detail for one in ledger.catalog.coverage(A)] == ["no route to host", "time-out", ""]
        assert ledger.catalog.series() == []

    def test_answers_are_known_as_they_were_at_a_time(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        before = ledger.now()
        assert ledger.catalog.answers(A, known_at=before) == []
        empty = Cover(series=A, interval=stretch(10, 20), outcome="source_empty")
        ledger.catalog.cover([empty, Cover(series=B, interval=stretch(0, 5), outcome="source_empty")], WHO)
        first = ledger.now()
        then = ledger.catalog.coverage(A)
        ledger.catalog.cover([Cover(series=A, interval=stretch(12, 14), outcome="fetched", detail='"asked":[]')], WHO)
        # What a commit of bars answers is told with it.
        pending = begin(ledger, A, days=(14, 16))
        cover = Cover(series=A, interval=stretch(14, 16), outcome="fetched")
        ledger.revisions.commit(pending, Outcome(changes=[change(A, (14, 16))], coverage=[cover]), WHO)
        for one in (ledger, open_ledger()):
            assert one.catalog.answers(A, known_at=before) == []
            assert one.catalog.answers(A, known_at=first) == then
            assert one.catalog.answers(A, known_at=one.now()) == one.catalog.coverage(A)
            assert [each.interval for each in one.catalog.answers(B, known_at=first)] == [stretch(0, 5)]

    def test_digests_of_many_series_are_those_of_each(self, ledger: Ledger) -> None:
        commit(ledger, A, B)
        never = series("NEVER")
        found = ledger.catalog.blocks_of([A, never, B], stretch(0, 10_000))
        assert found == {one: ledger.catalog.blocks(one, stretch(0, 10_000)) for one in (A, B, never)}

    def test_bars_are_counted_by_block(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        never = series("NEVER")
        assert ledger.catalog.counts_of([], everything()) == {}
        commit(ledger, B, blocks=[block(at, 0, rows=at - 1900) for at in (1970, 1972, 2003)])
        commit(ledger, A)
        for one in (ledger, open_ledger()):
            found = one.catalog.counts_of([A, never, B], everything())
            for known in (A, B, never):
                starts, rows = found[known]
                blocks = one.catalog.blocks(known, everything()) or []
                assert starts.tolist() == [block.start for block in blocks]
                assert rows.tolist() == [block.rows for block in blocks]
        starts, rows = ledger.catalog.counts_of([B], Interval(year(1971), year(2003)))[B]
        assert (starts.tolist(), rows.tolist()) == ([year(1972)], [72])

    def test_what_was_asked_for_is_known_without_bars(self, ledger: Ledger) -> None:
        commit(ledger, B)
        assert ledger.catalog.asked() == []
        for one in (A, series("AAPL", "1h")):
            ledger.catalog.cover([Cover(series=one, interval=stretch(0, 10), outcome="unconfirmed")], WHO)
        assert ledger.catalog.asked() == sorted([A, series("AAPL", "1h")])
        assert ledger.catalog.asked(instrument=A.instrument, timeframe="1d") == [A]
        assert ledger.catalog.asked(instrument=B.instrument) == []

    def test_what_was_asked_about_nothing_can_be_forgotten(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        commit(ledger, B)
        failed = [Cover(series=one, interval=stretch(0, 10), outcome="fetch_failed", detail="x") for one in (A, B)]
        ledger.catalog.cover(failed, WHO)
        entries = ledger.audit.count()
        assert ledger.catalog.forget([series("NEVER")], WHO) == []
        assert ledger.catalog.forget([A, B, series("NEVER")], WHO) == [A]
        assert ledger.catalog.forget([A, B], WHO) == []
        for one in (ledger, open_ledger()):
            assert one.catalog.asked() == [B]
            assert one.catalog.coverage(A) == []
        assert ledger.audit.count() == entries + 1
        ledger.catalog.cover(failed[:1], WHO)
        assert ledger.catalog.asked() == sorted([A, B])

    def test_withdrawals_are_found_by_series(self, ledger: Ledger) -> None:
        never = series("NEVER")
        commit(ledger, A, B)
        assert ledger.revisions.withdrawals([A, never, B]) == {}
        commit(ledger, A, withdrawn=2)
        assert ledger.revisions.withdrawals([B, A, never]) == {A: [ledger.revisions.records(A)[-1].interval]}
        assert ledger.revisions.withdrawals([B]) == {}

    def test_the_hull_of_all_bars_is_known_of_series_with_few_revisions(self, ledger: Ledger) -> None:
        never = series("NEVER")
        commit(ledger, A, days=(5, 7))
        commit(ledger, A, B, days=(2, 3))
        commit(ledger, A, days=(6, 9), withdrawn=1)
        assert ledger.revisions.spans([A, never, B]) == {A: stretch(2, 9), B: stretch(2, 3)}
        for day in range(80):
            commit(ledger, B, days=(day, day + 1))
        found = ledger.revisions.spans([A, B])
        assert found.get(B) in (None, stretch(0, 80))
        assert found[A] == stretch(2, 9)

    def test_bars_put_aside_are_found_by_series(self, ledger: Ledger) -> None:
        put_aside = [
            QuarantinedBar(series=one, time=time, code=code, values={"open": time}, actor="tester")
            for one, time, code in ((A, 5, "empty-bar"), (A, 1, "off-grid"), (B, 1, "empty-bar"))
        ]
        ledger.quarantine.add(put_aside, WHO)
        assert ledger.quarantine.codes_of([A, series("NEVER")]) == {A: {1: "off-grid", 5: "empty-bar"}}
        assert ledger.quarantine.codes_of([B, A])[B] == {1: "empty-bar"}


def _dividend(value: float, *, day: int = 1, withdrawn: bool = False, denied: bool = False) -> CorporateAction:
    return CorporateAction(
        instrument="AAPL",
        ex_date=day * DAY,
        kind="cash_dividend",
        source="yahoo",
        value=value,
        currency="USD",
        withdrawn=withdrawn,
        denied=denied,
    )


def _values(ledger: Ledger, known_at: int | None = None) -> list[float]:
    return [one.value for one in ledger.actions.list(instrument="AAPL", known_at=known_at)]
