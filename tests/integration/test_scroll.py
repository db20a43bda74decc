"""Scrolls: one question, resolved once, in portions and pages that are the whole."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis.strategies import data, dictionaries, integers, none, sampled_from

from barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidCursor, InvalidInterval, RevisionExpired, VersionNotFound
from barledger.services.retrieval.scroll import Bookmark, Scroll, Told
from barledger.stores.memory import MemoryStore
from libraries import frame, library

YEARS = 3_000


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    """Years of daily bars from two sources, corrected and withdrawn in places, with splits and a snapshot."""
    with library(MemoryStore()) as made:
        made.write("A", "1d", frame(day for day in range(YEARS) if day % 9), source="one")
        made.write("A", "1d", frame(range(0, YEARS + 100, 3), 300.0), source="two")
        made.write("A", "1d", frame(range(700, 720), 111.0), source="one")
        made.cache.prioritise("A", ["one", "two"], mode="fill")
        made.snapshot("A", "1d", id="pinned", source="one")
        made.snapshot("A", "1d", id="part", source="one", start=100 * DAY, end=2_000 * DAY)
        made.write("A", "1d", frame(range(1_000, 1_400), 222.0), source="one")
        made.withdraw("A", "1d", [day * DAY for day in range(1_500, 1_600)], source="one", reason="wrong")
        made.actions.add("A", "split", "1972-06-01", value=2)
        made.actions.add("A", "cash_dividend", "1974-06-03", value=1.0)
        yield made


QUESTIONS: list[dict[str, Any]] = [
    {},
    {"source": "one"},
    {"source": "two", "start": 400 * DAY},
    {"source": "one", "start": 401 * DAY, "end": 1_234 * DAY},
    {"source": "one", "version": "first"},
    {"source": "one", "adjust": "splits"},
    {"source": "one", "adjust": "total", "end": 2_222 * DAY},
    {"source": "one", "include_adjusted": True},
    {"version": "pinned"},
    {"version": "part"},
    {"version": "part", "start": 500 * DAY, "adjust": "splits"},
    {"source": "one", "last": 17},
    {"source": "one", "start": 1_510 * DAY, "end": 1_520 * DAY},
]


def same(portions: list[Any], whole: Any) -> None:
    found = pd.concat([one.to_arrow().to_pandas() for one in portions], ignore_index=True)
    pd.testing.assert_frame_equal(found, whole.to_arrow().to_pandas(), check_dtype=False)


@pytest.mark.parametrize("wish", QUESTIONS, ids=str)
def test_portions_are_the_whole_and_it_is_told_before(bl: BarLedger, wish: dict[str, Any]) -> None:
    whole = bl.bars("A", "1d", **wish)
    scroll = bl.retrieval.scroll("A", "1d", **wish, portion=500)
    told, portions = scroll.told(), list(scroll.portions())
    same(portions, whole)
    assert (told.rows, told.digest, told.adjustment) == (len(whole), whole.digest, whole.adjustment)
    assert told.sources == tuple((span.source, span.rows) for span in whole.sources)
    assert max(len(one) for one in portions) <= 900
    assert len(portions) > 1 or len(whole) <= 600


def pages(bl: BarLedger, wish: dict[str, Any], limit: int) -> Iterator[tuple[Any, Bookmark | None]]:
    bookmark: Bookmark | None = None
    while True:
        scroll: Scroll = bl.retrieval.scroll("A", "1d", **wish, bookmark=bookmark, portion=500)
        bars, bookmark = scroll.page(limit)
        yield bars, bookmark
        if bookmark is None:
            return


@pytest.mark.parametrize("wish", [wish for wish in QUESTIONS if "last" not in wish], ids=str)
@pytest.mark.parametrize("limit", [250, 1_000, 5_000])
def test_pages_are_the_whole(bl: BarLedger, wish: dict[str, Any], limit: int) -> None:
    found = [bars for bars, _ in pages(bl, wish, limit)]
    same(found, bl.bars("A", "1d", **wish))
    assert all(len(one) == limit for one in found[:-1])
    assert all(before.interval.end == after.interval.start for before, after in pairwise(found))


def test_pages_stay_in_the_state_of_the_first(bl: BarLedger) -> None:
    before = bl.bars("A", "1d", adjust="total")
    walk = pages(bl, {"adjust": "total"}, 700)
    found = [next(walk)[0]]
    bl.write("A", "1d", frame(range(2_000, YEARS + 500), 9.0), source="one")
    bl.actions.add("A", "split", "1977-06-01", value=3)
    found += [bars for bars, _ in walk]
    same(found, before)


@pytest.mark.parametrize(
    ("wish", "reads"),
    [({"source": "one"}, False), ({"source": "one", "start": 365 * DAY}, False), ({"version": "pinned"}, False)],
    ids=str,
)
def test_what_the_ledger_knows_is_told_by_reading_no_more_than_a_portion(
    bl: BarLedger, wish: dict[str, Any], *, reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, rows = bl.vault.store.read, []

    def counting(*given: Any) -> Any:
        found = read(*given)
        rows.append(len(found))
        return found

    monkeypatch.setattr(bl.vault.store, "read", counting)
    assert bl.retrieval.scroll("A", "1d", **wish, portion=500).told().rows > 2_000
    assert (sum(rows) > 1_200) is reads


# --- marks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", QUESTIONS, ids=str)
def test_a_mark_is_the_same_until_the_answer_changes(bl: BarLedger, wish: dict[str, Any]) -> None:
    def mark() -> str:
        return bl.retrieval.scroll("A", "1d", **wish).mark

    before, told = mark(), bl.bars("A", "1d", **wish).digest
    bl.write("B", "1d", frame(range(5)), source="one")
    bl.snapshot("A", "1d", id="another", source="one")
    assert mark() == before
    bl.write("A", "1d", frame([1_515], 9.0), source="one")
    bl.write("A", "1d", frame([YEARS + 200], 9.0), source="two")
    assert (mark() != before) or bl.bars("A", "1d", **wish).digest == told


def test_other_questions_have_other_marks(bl: BarLedger) -> None:
    marks = {str(wish): bl.retrieval.scroll("A", "1d", **wish).mark for wish in QUESTIONS}
    assert len(set(marks.values())) == len(marks)


def test_news_of_corporate_actions_change_the_marks_of_adjusted_bars_alone(bl: BarLedger) -> None:
    def marks() -> list[str]:
        wishes: list[dict[str, Any]] = [{}, {"version": "pinned"}, {"adjust": "splits"}, {"include_adjusted": True}]
        return [bl.retrieval.scroll("A", "1d", **wish).mark for wish in wishes]

    before = marks()
    bl.actions.add("A", "split", "1973-06-01", value=4)
    assert [one != other for one, other in zip(before, marks(), strict=True)] == [False, False, True, True]


def test_retention_changes_marks(bl: BarLedger) -> None:
    wish: dict[str, Any] = {"source": "two", "start": 10 * DAY, "end": 40 * DAY}
    before = bl.retrieval.scroll("A", "1d", **wish).mark
    bl.cache.retain([{"instrument": "A", "keep_current": "20d"}])
    after = bl.retrieval.scroll("A", "1d", **wish)
    assert after.mark != before
    with pytest.raises(RevisionExpired):
        after.whole()


# --- bookmarks ---------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(data())
def test_a_bookmark_that_was_made_up_is_refused_or_harmless(drawn: Any) -> None:
    with library(MemoryStore()) as bl:
        bl.write("A", "1d", frame(range(20)), source="one")
        at = drawn.draw(dictionaries(sampled_from(["one", "two", ""]), integers(-1, 1 << 63), max_size=2))
        snapshot = drawn.draw(sampled_from(["", "pinned"]))
        known_at = drawn.draw(integers(-(1 << 63), 1 << 63))
        start = drawn.draw(integers(-(1 << 64), 1 << 64) | sampled_from([5 * DAY]))
        bookmark = Bookmark(start=start, at=tuple(at.items()), snapshot=snapshot, known_at=known_at)
        adjust = drawn.draw(none() | sampled_from(["splits"]))
        try:
            found, _ = bl.retrieval.scroll("A", "1d", bookmark=bookmark, adjust=adjust).page(7)
        except (InvalidCursor, InvalidInterval):
            return
        assert np.all(found.time >= start)


def test_a_bookmark_is_of_the_snapshot_that_was_meant_at_first(bl: BarLedger) -> None:
    first = bl.snapshot("A", "1d", strategy="s", source="one")
    scroll = bl.retrieval.scroll("A", "1d", version="strategy:s")
    _, bookmark = scroll.page(10)
    bl.snapshot("A", "1d", strategy="s", source="one")
    assert bl.retrieval.scroll("A", "1d", version="strategy:s", bookmark=bookmark).version == first.id
    with pytest.raises(InvalidCursor, match="another snapshot"):
        bl.retrieval.scroll("A", "1d", version="latest", bookmark=bookmark)
    bl.cache.delete(first.id)
    with pytest.raises(VersionNotFound, match=first.id):
        bl.retrieval.scroll("A", "1d", version="strategy:s", bookmark=bookmark)


def test_what_is_told_of_bars_in_hand_is_what_they_say(bl: BarLedger) -> None:
    bars = bl.bars("A", "1d", source="one", last=5)
    told = Told.of(bars)
    assert (told.rows, told.digest, told.sources) == (5, bars.digest, (("one", 5),))
