"""Deliveries that fail are tried again, given up, and hold up nobody."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from barledger import BarLedger
from barledger.channels.contract import Message
from barledger.errors import DeliveryFailed, DeliveryRefused
from barledger.stores.embedded import EmbeddedStore
from libraries import TurnableClock, embedded, killed_at, library
from notices import LAG, SECRET, states
from receivers import Answer, free_port, hook, mailbox, silence, wait_for


def test_a_server_that_fails_is_tried_again_later_under_the_same_id(bl: BarLedger, clock: TurnableClock) -> None:
    with hook(Answer(status=500), Answer(status=503), Answer(raw=b"garbage\r\n\r\n"), Answer()) as server:
        bl.notifications.add_channel("desk", server.url, secret=SECRET)
        bl.notifications.post(LAG)
        for _ in range(3):
            (failed,) = bl.notifications.deliver().failed
            assert "T0KEN" not in failed.error
            assert bl.notifications.deliver().attempts == ()
            assert bl.notifications.channel("desk").state == "failing"
            clock.turn(1 / 24 + 0.01)
        assert bl.notifications.deliver().sent == 1
    assert len({came.id for came in server.received}) == 1
    assert len({came.headers["webhook-timestamp"] for came in server.received}) >= 1
    assert [line.tries for line in bl.notifications.outbox()] == [4]
    assert bl.notifications.channel("desk").state == "ok"


def test_a_server_may_say_when_to_come_again(bl: BarLedger, clock: TurnableClock) -> None:
    with hook(Answer(status=429, headers=(("retry-after", "1800"),)), Answer()) as server:
        bl.notifications.add_channel("desk", server.url, secret=SECRET)
        for about in ("one", "two"):
            bl.notifications.post(replace(LAG, about=about))
        assert len(bl.notifications.deliver().failed) == 1
        clock.turn(0.4 / 24)
        assert bl.notifications.deliver().attempts == ()
        clock.turn(0.15 / 24)
        assert bl.notifications.deliver().sent == 2


def test_waiting_grows_with_each_failure(bl: BarLedger, clock: TurnableClock) -> None:
    bl.notifications.add_channel("desk", f"http://127.0.0.1:{free_port()}/T0KEN", secret=SECRET)
    bl.notifications.post(LAG)
    waits = []
    for _ in range(6):
        bl.notifications.deliver()
        (record,) = bl.vault.ledger.notices.channels()
        waits.append((record.not_before - bl.vault.ledger.now()) / 1e9)
        clock.turn(waits[-1] / 86400 + 0.0001)
    assert all(later > earlier * 1.3 for earlier, later in pairwise(waits))
    assert record.error
    assert "T0KEN" not in record.error


def test_a_message_that_is_refused_does_not_hold_up_the_next(bl: BarLedger) -> None:
    with hook(Answer(status=400), Answer()) as server:
        bl.notifications.add_channel("desk", server.url, secret=SECRET)
        for about in ("one", "two"):
            bl.notifications.post(replace(LAG, about=about))
        done = bl.notifications.deliver()
        assert (done.sent, [one.error for one in done.failed]) == (1, ["it answers 400"])
    assert sorted(states(bl)) == ["sent", "waiting"]


def test_a_redirect_is_not_followed(bl: BarLedger) -> None:
    with hook() as elsewhere, hook(Answer(status=307, headers=(("location", elsewhere.url),))) as server:
        bl.notifications.add_channel("desk", server.url, secret=SECRET)
        with pytest.raises(DeliveryRefused, match="redirects are not followed"):
            bl.notifications.test("desk")
        assert elsewhere.received == []


def test_a_channel_that_is_gone_is_stopped_until_somebody_resumes_it(bl: BarLedger) -> None:
    with hook(Answer(status=410), Answer()) as server:
        bl.notifications.add_channel("desk", server.url, secret=SECRET)
        for about in ("one", "two"):
            bl.notifications.post(replace(LAG, about=about))
        bl.notifications.deliver()
        assert bl.notifications.channel("desk").state == "stopped"
        assert states(bl) == ["given_up", "given_up"]
        assert [one.subject for one in bl.notifications.troubles()] == ["channel desk", "notices"]
        assert bl.notifications.resume("desk").state == "ok"
        assert bl.notifications.retry("desk") == 2
        assert bl.notifications.deliver().sent == 2
        assert bl.notifications.troubles() == []


def test_what_keeps_failing_is_given_up_and_said_so(bl: BarLedger, clock: TurnableClock) -> None:
    bl.notifications.add_channel(
        "desk", f"http://127.0.0.1:{free_port()}/T0KEN", secret=SECRET, give_up_after="2d", timeout=1
    )
    bl.notifications.post(LAG)
    bl.notifications.deliver()
    clock.turn(1.99)
    bl.notifications.deliver()
    assert states(bl) == ["waiting"]
    clock.turn(0.02)
    assert bl.notifications.deliver().given_up == 1
    (line,) = bl.notifications.outbox(state="given_up")
    assert line.error
    assert any(one.operation == "give-up-notices" for one in bl.audit.entries())
    assert "1 were given up" in str(bl.notifications.troubles())


def test_a_silent_server_holds_up_nobody_and_is_left_after_its_time(bl: BarLedger) -> None:
    heard: list[Message] = []
    with silence() as port, hook(Answer(slow=30.0)) as slow:
        bl.notifications.add_channel("silent", f"http://127.0.0.1:{port}/T0KEN", secret=SECRET, timeout=0.5)
        bl.notifications.add_channel("slow", slow.url, secret=SECRET, timeout=0.5)
        mail = f"mailto://localhost:{port}?to=desk@example.com&from=barledger@example.com&mode=insecure"
        bl.notifications.add_channel("mail", mail, timeout=0.5)
        bl.notifications.add_channel("code", callback=heard.append)
        bl.notifications.post(LAG)
        done = bl.notifications.deliver()
    assert (done.sent, len(done.failed)) == (1, 3)
    assert {one.channel for one in done.failed} == {"silent", "slow", "mail"}
    assert len(heard) == 1


def test_a_slow_channel_does_not_delay_the_news_of_others(bl: BarLedger) -> None:
    heard: list[str] = []
    stop, release = Event(), Event()
    bl.notifications.add_channel("slow", callback=lambda _: release.wait(60), timeout=60)
    bl.notifications.add_channel("quick", callback=lambda message: heard.append(message.notice.about))
    bl.notifications.post(replace(LAG, about="first"))
    done: list[Any] = []
    loop = Thread(target=lambda: done.append(bl.notifications.deliver(once=False, every=0.02, stop=stop)))
    loop.start()
    try:
        wait_for(lambda: heard == ["first"])
        bl.notifications.post(replace(LAG, about="second"))
        wait_for(lambda: heard == ["first", "second"])
        assert [line.state for line in bl.notifications.outbox() if line.channel == "slow"] == ["waiting"] * 2
    finally:
        release.set()
        stop.set()
        loop.join(60)
    assert done[0].failed == ()


def test_a_mail_server_that_refuses_or_is_down_is_told(bl: BarLedger, clock: TurnableClock) -> None:
    with mailbox() as box:
        box.refuse = "554 no"
        url = f"mailto://localhost:{box.port}?to=desk@example.com&from=barledger@example.com&mode=insecure"
        bl.notifications.add_channel("mail", url, timeout=2)
        bl.notifications.post(LAG)
        (failed,) = bl.notifications.deliver().failed
        assert "desk@example.com" not in failed.error
    clock.turn(1)
    assert len(bl.notifications.deliver().failed) == 1
    with pytest.raises(DeliveryFailed):
        bl.notifications.test("mail")
    assert states(bl) == ["waiting"]


def test_a_sender_killed_after_sending_sends_again_with_the_same_id(tmp_path: Path) -> None:
    with hook() as server:

        def setup() -> None:
            with embedded(tmp_path) as bl:
                bl.notifications.add_channel("desk", server.url, secret=SECRET, timeout=0.5)
                bl.notifications.post(LAG)

        def deliver() -> None:
            with embedded(tmp_path) as bl:
                bl.notifications.deliver()

        setup()
        assert killed_at("notice.sent", deliver)
        clock = TurnableClock()
        with library(EmbeddedStore(tmp_path), f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=clock) as bl:
            assert bl.notifications.deliver().attempts == ()
            clock.turn(0.01)
            assert bl.notifications.deliver().sent == 1
            assert states(bl) == ["sent"]
        first, second = server.received
    assert first.id == second.id
