"""What a ledger promises about notices, their channels and their deliveries."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from barledger.domain.notice import Notice, Route
from barledger.errors import ChannelNotFound, NameTaken, RouteNotFound
from barledger.ledger.contract import ChannelRecord, Ledger
from barledger.testing.bars import HOSTILE_NAMES, series
from barledger.testing.commits import SECOND, WHO, HandClock, commit

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
GIVE_UP: Final = 24 * HOUR
SECRET: Final = "whsec_c2VjcmV0LXRoYXQtbm8tb25lLW1heS1zZWU="  # noqa: S105 - what no entry may tell


class NoticePromises:
    """A notice reaches each of its channels at least once, repeats are folded, and nothing is told twice by design."""

    @pytest.fixture
    def told(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> Ledger:
        """Give a ledger with a turnable clock and one channel that takes everything."""
        ledger = open_ledger(clock=clock)
        _add(ledger, "desk")
        return ledger

    # --- channels and routes -------------------------------------------------------------------

    def test_channels_and_routes_are_kept_and_removed(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        made = ledger.notices.add_channel(_channel("desk"), WHO)
        ledger.notices.add_channel(_channel("audit", secret=""), WHO)
        other = open_ledger()
        assert [one.name for one in other.notices.channels()] == ["audit", "desk"]
        assert other.notices.channels()[1] == made
        with pytest.raises(NameTaken):
            ledger.notices.add_channel(_channel("desk"), WHO)
        route = ledger.notices.add_route(Route(channel="desk", kinds="lag", about="A*", severity="warning"), WHO)
        assert other.notices.routes() == [route]
        assert other.notices.remove_route(route.id, WHO) == route
        kept = ledger.notices.add_route(Route(channel="audit"), WHO)
        ledger.notices.add_route(Route(channel="desk"), WHO)
        assert ledger.notices.remove_channel("desk", WHO) == made
        assert ledger.notices.routes() == [kept]
        for action, error in (
            (lambda: ledger.notices.remove_channel("desk", WHO), ChannelNotFound),
            (lambda: ledger.notices.stop_channel("desk", "x", WHO), ChannelNotFound),
            (lambda: ledger.notices.add_route(Route(channel="desk"), WHO), ChannelNotFound),
            (lambda: ledger.notices.remove_route(route.id, WHO), RouteNotFound),
            (lambda: ledger.notices.retry("desk", WHO), ChannelNotFound),
            (lambda: ledger.notices.claim("desk", seconds=1), ChannelNotFound),
        ):
            with pytest.raises(error):
                action()

    def test_no_entry_of_the_log_and_no_repr_tells_a_secret(self, ledger: Ledger) -> None:
        _add(ledger, "desk")
        ledger.notices.stop_channel("desk", "gone", WHO)
        ledger.notices.remove_channel("desk", WHO)
        bodies = "".join(entry.body for entry in ledger.audit.entries())
        assert "hook.invalid" in bodies
        for text in (bodies, repr(_channel("desk"))):
            assert SECRET not in text
            assert "T0KEN" not in text

    @pytest.mark.parametrize(
        ("route", "takes"),
        [
            (Route(channel="desk"), 1),
            (Route(channel="desk", kinds="la?"), 1),
            (Route(channel="desk", kinds="gap"), 0),
            (Route(channel="desk", about="AAPL *"), 1),
            (Route(channel="desk", about="MSFT *"), 0),
            (Route(channel="desk", severity="warning"), 1),
            (Route(channel="desk", severity="critical"), 0),
        ],
    )
    def test_a_notice_goes_where_a_route_takes_it(self, ledger: Ledger, route: Route, takes: int) -> None:
        _add(ledger, "desk", route)
        ledger.notices.post(_notice(), window=HOUR)
        assert ledger.notices.due() == ["desk"] * takes
        assert [one.channel for one in ledger.notices.deliveries()] == ["desk"] * takes

    def test_two_routes_to_a_channel_make_one_delivery(self, ledger: Ledger) -> None:
        _add(ledger, "desk", Route(channel="desk"), Route(channel="desk", kinds="lag"))
        ledger.notices.post(_notice(), window=HOUR)
        assert len(ledger.notices.deliveries()) == 1

    # --- delivering ----------------------------------------------------------------------------

    def test_what_was_posted_is_there_as_it_was(self, told: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        for number, name in enumerate(HOSTILE_NAMES):
            notice = replace(_notice(), about=name, body=name * 2, details={name: name, "revision": str(number)})
            posted = told.notices.post(notice, window=HOUR)
            assert posted.notice == notice
        found = open_ledger().notices.list()
        assert [one.notice.about for one in found] == list(HOSTILE_NAMES)
        assert len({one.id for one in found}) == len(found)
        assert told.notices.list(after=found[1].made_at, limit=2) == found[2:4]

    def test_a_delivery_is_claimed_by_one(self, told: Ledger, open_ledger: Callable[..., Ledger], clock: Any) -> None:
        other = open_ledger(clock=clock)
        posted = told.notices.post(_notice(), window=HOUR)
        mine = told.notices.claim("desk", seconds=30)
        assert mine is not None
        assert (mine.notice, mine.tries, mine.state) == (posted, 1, "waiting")
        assert other.notices.claim("desk", seconds=30) is None
        assert other.notices.due() == []
        told.notices.sent(mine)
        (done,) = other.notices.deliveries(state="sent")
        assert done.sent_at >= posted.made_at
        clock.turn(3600)
        assert other.notices.claim("desk", seconds=30) is None

    def test_what_a_dead_sender_claimed_is_sent_again_under_the_same_id(self, told: Ledger, clock: HandClock) -> None:
        told.notices.post(_notice(), window=HOUR)
        dead = told.notices.claim("desk", seconds=30)
        clock.turn(31)
        again = told.notices.claim("desk", seconds=30)
        assert dead is not None
        assert again is not None
        assert (again.notice.id, again.tries) == (dead.notice.id, 2)
        told.notices.failed(dead, "too late to say", retry_at=clock() + HOUR, pause=True)
        assert told.notices.channels()[0].failures == 0
        told.notices.sent(dead)
        assert [one.state for one in told.notices.deliveries()] == ["sent"]

    def test_a_failure_waits_and_holds_back_its_channel_only(self, told: Ledger, clock: HandClock) -> None:
        _add(told, "other")
        for about in ("one", "two"):
            told.notices.post(replace(_notice(), about=about), window=HOUR)
        first = told.notices.claim("desk", seconds=30)
        assert first is not None
        told.notices.failed(first, "no route to host", retry_at=clock() + MINUTE, pause=True)
        assert told.notices.due() == ["other"]
        assert told.notices.claim("desk", seconds=30) is None
        (desk, _) = told.notices.channels()
        assert (desk.failures, desk.error, desk.not_before) == (1, "no route to host", clock() + MINUTE)
        clock.turn(61)
        second = told.notices.claim("desk", seconds=30)
        assert second is not None
        assert second.notice.notice.about == "two"
        told.notices.failed(second, "400", retry_at=clock() + MINUTE, pause=False)
        retried = told.notices.claim("desk", seconds=30)
        assert retried is not None
        assert (retried.notice.id, retried.tries) == (first.notice.id, 2)
        told.notices.sent(retried)
        assert told.notices.channels()[0].failures == 0

    def test_what_nobody_took_in_time_is_given_up_and_said_so(self, told: Ledger, clock: HandClock) -> None:
        posted = told.notices.post(_notice(), window=HOUR)
        entries = told.audit.count()
        assert told.notices.expire(WHO) == []
        assert told.audit.count() == entries
        claimed = told.notices.claim("desk", seconds=30)
        assert claimed is not None
        told.notices.failed(claimed, "500", retry_at=clock() + 23 * HOUR, pause=False)
        clock.turn(24 * 3600 + 1)
        (late,) = told.notices.expire(WHO)
        assert late.notice.id == posted.id
        (lost,) = told.notices.deliveries(state="given_up")
        assert lost.error == "500"
        assert posted.id in told.audit.entries()[-1].body
        assert told.notices.due() == []
        assert told.notices.retry("desk", WHO) == 1
        assert told.notices.expire(WHO) == []
        again = told.notices.claim("desk", seconds=30)
        assert again is not None
        assert again.notice.id == posted.id

    def test_a_stopped_channel_gets_nothing_until_it_goes_on(self, told: Ledger) -> None:
        told.notices.post(replace(_notice(), about="before"), window=HOUR)
        told.notices.stop_channel("desk", "410 Gone", WHO)
        told.notices.post(replace(_notice(), about="meanwhile"), window=HOUR)
        assert [(one.state, one.error) for one in told.notices.deliveries()] == [("given_up", "410 Gone")]
        assert told.notices.due() == []
        assert told.notices.claim("desk", seconds=1) is None
        told.notices.stop_channel("desk", "", WHO)
        told.notices.post(replace(_notice(), about="after"), window=HOUR)
        assert told.notices.due() == ["desk"]

    # --- repeats -------------------------------------------------------------------------------

    def test_repeats_before_the_first_try_are_folded_into_one(self, told: Ledger, clock: HandClock) -> None:
        first = told.notices.post(_notice(), window=HOUR)
        clock.turn(60)
        second = told.notices.post(replace(_notice(), subject="later", severity="info"), window=HOUR)
        assert (second.id, second.count, second.notice.subject) == (first.id, 2, "later")
        assert (second.made_at, second.notice.severity) == (first.made_at, "warning")
        assert second.last_at > first.last_at
        assert len(told.notices.deliveries()) == 1

    def test_repeats_after_it_are_told_once_when_the_window_is_over(self, told: Ledger, clock: HandClock) -> None:
        first = told.notices.post(_notice(), window=HOUR)
        _deliver(told)
        folded = [told.notices.post(_notice(), window=HOUR) for _ in range(5)]
        assert {one.id for one in folded} == {folded[0].id}
        assert folded[-1].count == 5
        assert folded[0].due_at == first.made_at + HOUR
        assert told.notices.due() == []
        clock.turn(3601)
        assert [one.notice.count for one in _deliver(told)] == [5]
        assert told.notices.post(_notice(), window=HOUR).due_at == first.made_at + 2 * HOUR
        clock.turn(2 * 3600)
        assert [one.notice.count for one in _deliver(told)] == [1]

    def test_a_repeat_after_the_window_is_news(self, told: Ledger, clock: HandClock) -> None:
        first = told.notices.post(_notice(), window=HOUR)
        clock.turn(3601)
        second = told.notices.post(_notice(), window=HOUR)
        assert (second.id != first.id, second.count, second.due_at) == (True, 1, second.made_at)

    def test_a_repeat_that_is_severer_is_told_at_once(self, told: Ledger) -> None:
        told.notices.post(_notice(), window=HOUR)
        _deliver(told)
        worse = told.notices.post(replace(_notice(), severity="critical"), window=HOUR)
        assert worse.due_at == worse.made_at
        assert [one.notice.id for one in _deliver(told)] == [worse.id]

    def test_a_claimed_notice_takes_no_more_repeats(self, told: Ledger, clock: HandClock) -> None:
        told.notices.post(_notice(), window=HOUR)
        claimed = told.notices.claim("desk", seconds=30)
        clock.turn(31)
        assert claimed is not None
        assert told.notices.post(_notice(), window=HOUR).id != claimed.notice.id
        again = told.notices.claim("desk", seconds=30)
        assert again is not None
        assert (again.notice.id, again.notice.count) == (claimed.notice.id, 1)

    def test_another_kind_or_subject_matter_is_no_repeat(self, told: Ledger) -> None:
        first = _notice()
        others = [first, replace(first, kind="gap"), replace(first, about="MSFT"), replace(first, about="")]
        assert len({told.notices.post(one, window=HOUR).id for one in others}) == len(others)

    def test_old_notices_are_forgotten_once_nothing_waits(self, told: Ledger, clock: HandClock) -> None:
        told.notices.post(replace(_notice(), about="sent"), window=HOUR)
        _deliver(told)
        waiting = told.notices.post(replace(_notice(), about="waits"), window=HOUR)
        clock.turn(3600)
        recent = told.notices.post(replace(_notice(), about="recent"), window=HOUR)
        _deliver(told, limit=0)
        assert told.notices.forget(clock() - MINUTE) == 1
        assert [one.id for one in told.notices.list()] == [waiting.id, recent.id]

    def test_notices_are_copied_with_the_ledger_and_disturb_no_commit(self, told: Ledger) -> None:
        told.notices.post(_notice(), window=HOUR)
        assert commit(told, series("AAPL"))
        assert told.notices.due() == ["desk"]


def _channel(name: str, *, secret: str = SECRET) -> ChannelRecord:
    return ChannelRecord(
        name=name,
        kind="webhook",
        target="https://hook.invalid/T0KEN",
        secret=secret,
        shown="https://hook.invalid/********",
        timeout=2.5,
        give_up=GIVE_UP,
    )


def _add(ledger: Ledger, name: str, *routes: Route) -> None:
    ledger.notices.add_channel(_channel(name), WHO)
    for route in routes or (Route(channel=name),):
        ledger.notices.add_route(route, WHO)


def _notice() -> Notice:
    return Notice(kind="lag", severity="warning", subject="AAPL is late", about="AAPL 1d from yahoo")


def _deliver(ledger: Ledger, *, limit: int = 100) -> list[Any]:
    done: list[Any] = []
    while len(done) < limit and (claimed := ledger.notices.claim("desk", seconds=30)) is not None:
        ledger.notices.sent(claimed)
        done.append(claimed)
    return done
