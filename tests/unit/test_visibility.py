"""What is visible at a revision: the rule against its own words, and against a history of commits and crashes."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.domain.rows import NEVER, VALUES, Rows, empty_rows
from barledger.domain.visibility import forget_supersession, hidden, newest, visible
from barledger.testing.bars import assert_same


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; ``close`` None withdraws the bar."""

    time: int
    edition: int
    revision: int
    close: float | None
    superseded: int = NEVER


def as_rows(table: Collection[Row]) -> Rows:
    if not table:
        return empty_rows()
    values = np.array([np.nan if row.close is None else row.close for row in table])
    return Rows(
        time=np.array([row.time for row in table]),
        **dict.fromkeys(VALUES, values),
        revision=np.array([row.revision for row in table]),
        edition=np.array([row.edition for row in table]),
        withdrawn=np.array([row.close is None for row in table]),
        superseded_at=np.array([row.superseded for row in table]),
    )


def as_table(found: Rows) -> list[tuple[int, int, int, float | None]]:
    """Return time, edition, revision and close of each row."""
    withdrawn = np.zeros(len(found), bool) if found.withdrawn is None else found.withdrawn
    closes = [None if gone else float(value) for value, gone in zip(found.close, withdrawn, strict=True)]
    return list(zip(found.time.tolist(), found.edition.tolist(), found.revision.tolist(), closes, strict=True))


def plain(row: Row) -> tuple[int, int, int, float | None]:
    return row.time, row.edition, row.revision, row.close


# --- the words of the rule -------------------------------------------------------------------------


def spelled(latest: Collection[Row], copies: Collection[Row], revision: int, uncommitted: Collection[int]) -> list[Row]:
    """Choose bar by bar: the visible copy with the highest edition, else the row in ``latest`` if that is visible."""

    def true(number: int) -> bool:
        return number <= revision and number not in uncommitted

    chosen = []
    for time in sorted({row.time for row in (*latest, *copies)}):
        seen = [row for row in copies if row.time == time and true(row.revision) and not true(row.superseded)]
        current = [row for row in latest if row.time == time and true(row.revision)]
        if seen:
            chosen.append(max(seen, key=lambda row: row.edition))
        elif current:
            chosen += current
    return chosen


TIMES, REVISIONS = st.integers(0, 4), st.integers(1, 6)
CLOSES = st.none() | st.sampled_from([1.0, 2.0])
ROWS = st.builds(Row, time=TIMES, edition=st.integers(1, 3), revision=REVISIONS, close=CLOSES)
COPIES = st.builds(
    Row, time=TIMES, edition=st.integers(1, 3), revision=REVISIONS, close=CLOSES, superseded=st.integers(1, 7)
)
LATEST = st.lists(ROWS, max_size=5, unique_by=lambda row: row.time).map(lambda some: sorted(some, key=plain_time))
LAYERS = st.lists(COPIES, max_size=8, unique_by=lambda row: (row.time, row.edition))


def plain_time(row: Row) -> int:
    return row.time


@given(LATEST, LAYERS, st.integers(0, 7), st.sets(REVISIONS, max_size=3))
def test_what_is_visible_is_what_the_rule_says(
    latest: list[Row], copies: list[Row], revision: int, uncommitted: set[int]
) -> None:
    seen = visible(as_rows(latest), as_rows(copies), revision, uncommitted)
    assert as_table(seen) == [plain(row) for row in spelled(latest, copies, revision, uncommitted)]


@given(LATEST, LAYERS, st.integers(0, 7), st.sets(REVISIONS, max_size=3))
def test_hidden_rows_are_those_that_stand_where_nothing_is_visible(
    latest: list[Row], copies: list[Row], revision: int, uncommitted: set[int]
) -> None:
    seen = {row.time for row in spelled(latest, copies, revision, uncommitted)}
    kept_back = hidden(
        as_rows(latest), visible(as_rows(latest), as_rows(copies), revision, uncommitted), revision, uncommitted
    )
    assert kept_back.time.tolist() == [row.time for row in latest if row.time not in seen]


@given(LAYERS)
def test_the_newest_copy_of_a_bar_has_its_highest_edition(copies: list[Row]) -> None:
    highest = {time: max(row.edition for row in copies if row.time == time) for time in {row.time for row in copies}}
    found = newest(as_rows(copies))
    assert list(zip(found.time.tolist(), found.edition.tolist(), strict=True)) == sorted(highest.items())


@given(LAYERS, st.randoms())
def test_the_order_of_the_layers_does_not_matter(copies: list[Row], random: object) -> None:
    shuffled = sorted(copies, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert_same(visible(empty_rows(), as_rows(shuffled), 4, {2}), visible(empty_rows(), as_rows(copies), 4, {2}))


def test_a_copy_is_given_as_the_row_that_it_is_a_copy_of() -> None:
    copy = as_rows([Row(time=0, edition=1, revision=1, close=1.0, superseded=2)])
    assert forget_supersession(copy).superseded_at is None
    assert visible(empty_rows(), copy, 1, ()).superseded_at is None


# --- a history of commits and crashes ----------------------------------------------------------------


@dataclass(slots=True)
class History:
    """A store in plain dictionaries, written as commits write it, and what was true after each of them."""

    latest: dict[int, Row] = field(default_factory=dict)
    copies: dict[tuple[int, int], Row] = field(default_factory=dict)
    truth: dict[int, dict[int, Row]] = field(default_factory=lambda: {0: {}})
    aborted: set[int] = field(default_factory=set)
    revision: int = 0
    allocated: int = 0

    def write(self, bars: dict[int, float | None], *, steps: int | None, repaired: bool) -> None:
        """Write bars, None withdraws one; a writer that dies does so after this many steps."""
        self.allocated += 1
        now = self.truth[self.revision]
        bars = {time: close for time, close in bars.items() if close is not None or time in now}
        old = [now[time] for time in bars if time in now]
        moves = [(row.edition, row) for row in old]
        moves += [(0, self._next(now, time, close)) for time, close in bars.items()]
        for edition, row in moves[:steps]:
            if edition:
                copy = Row(
                    **{name: getattr(row, name) for name in ("time", "edition", "revision", "close")},
                    superseded=self.allocated,
                )
                self.copies[edition, row.time] = copy
            else:
                self.latest[row.time] = row
        if steps is None:
            self.truth[self.allocated] = now | {row.time: row for edition, row in moves if not edition}
            self.revision = self.allocated
            return
        self.aborted.add(self.allocated)
        if repaired:
            self.latest = dict(now)

    def _next(self, now: dict[int, Row], time: int, close: float | None) -> Row:
        edition = now[time].edition + 1 if time in now else 1
        return Row(time=time, edition=edition, revision=self.allocated, close=close)


WRITES = st.tuples(st.dictionaries(TIMES, CLOSES, min_size=1, max_size=4), st.none() | st.integers(0, 8), st.booleans())


@settings(max_examples=200)
@given(st.lists(WRITES, max_size=8))
def test_every_state_that_was_ever_true_stays_readable(
    writes: list[tuple[dict[int, float | None], int | None, bool]],
) -> None:
    history = History()
    for bars, steps, repaired in writes:
        history.write(bars, steps=steps, repaired=repaired)
        latest = as_rows(sorted(history.latest.values(), key=plain_time))
        for revision, truth in history.truth.items():
            seen = visible(latest, as_rows(history.copies.values()), revision, history.aborted)
            assert as_table(seen) == [plain(truth[time]) for time in sorted(truth)]
