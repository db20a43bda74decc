"""Notices reach people through real servers: once if all goes well, at least once if not, and never with a secret."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from barledger import BarLedger
from barledger.channels.contract import Message
from barledger.cli.output import plain
from barledger.domain.notice import Notice
from barledger.errors import (
    ChannelNotFound,
    ChannelTaken,
    DeliveryFailed,
    DeliveryRefused,
    InvalidSetting,
    ReadOnly,
    RouteNotFound,
)
from barledger.services.notifications.service import new_secret
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, embedded, killed_at, library
from receivers import Answer, free_port, hook, mailbox, silence, wait_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a secret of this test
REFERENCE = "env:DESK_SECRET"
LAG = Notice(
    kind="lag",
    severity="warning",
    subject="AAPL is late",
    about="AAPL 1d from yahoo",
    body="3 bars behind",
    details={"bars": 3, "revision": "1793577600000000001"},
)


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def bl(tmp_path: Path, clock: TurnableClock) -> Iterator[BarLedger]:
    with library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=clock) as opened:
        yield opened


def states(bl: BarLedger) -> list[str]:
    return [line.state for line in bl.notifications.outbox()]


# --- each kind of channel ---------------------------------------------------------------------------


def test_a_webhook_gets_the_notice_signed(bl: BarLedger) -> None:
    with hook() as server:
        bl.notifications.add_channel("desk", server.url, secret=SECRET)
        posted = bl.notifications.post(LAG)
        assert bl.notifications.deliver().sent == 1
        (came,) = server.received
    assert came.id == posted.id
    assert came.path == "/T0KEN/hook"
    assert came.headers["webhook-signature"].startswith("v1,")
    assert came.data["type"] == "barledger.lag"
    assert came.data["data"]["details"] == dict(LAG.details)
    assert came.data["data"]["subject"] == "AAPL is late"
    assert states(bl) == ["sent"]


def test_a_mail_arrives(bl: BarLedger) -> None:
    with mailbox() as box:
        url = f"mailto://localhost:{box.port}?to=desk@example.com&from=barledger@example.com&mode=insecure"
        assert bl.notifications.add_channel("mail", url).kind == "apprise"
        bl.notifications.post(LAG)
        done = bl.notifications.deliver()
        assert done.failed == ()
        assert bl.notifications.test("mail").channel == "mail"
        first, second = box.mails
    assert first.rcpt_tos == ["desk@example.com"]
    assert "warning: AAPL is late" in first.content.decode()
    assert "a test of channel mail" in second.content.decode()


def test_a_file_gets_a_line_of_json_for_each(bl: BarLedger, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "notices of today.jsonl"
    bl.notifications.add_channel("file", path.as_uri())
    for about in ("日本", "\u2028 and\nnew lines"):
        bl.notifications.post(replace(LAG, about=about))
    assert bl.notifications.deliver().sent == 2
    with path.open("ab") as torn:
        torn.write(b'{"half of a li')
    bl.notifications.post(replace(LAG, about="after a crash"))
    bl.notifications.deliver()
    lines = path.read_bytes().split(b"\n")
    assert [json.loads(line)["data"]["about"] for line in (*lines[:2], lines[3])] == [
        "日本",
        "\u2028 and\nnew lines",
        "after a crash",
    ]


def test_the_log_gets_a_record(bl: BarLedger, caplog: pytest.LogCaptureFixture) -> None:
    bl.notifications.add_channel("log", "log:desk.notices")
    bl.notifications.post(LAG)
    with caplog.at_level(logging.INFO, logger="desk.notices"):
        bl.notifications.deliver()
    (record,) = [one for one in caplog.records if one.name == "desk.notices"]
    assert (record.levelname, "AAPL is late" in record.getMessage()) == ("WARNING", True)
    assert vars(record)["notice"]["data"]["kind"] == "lag"


def test_a_function_is_called_and_may_fail(bl: BarLedger, clock: TurnableClock) -> None:
    came: list[Message] = []

    def take(message: Message) -> None:
        came.append(message)
        if len(came) == 1:
            raise KeyError("not yet")

    bl.notifications.add_channel("code", callback=take)
    bl.notifications.post(LAG)
    (failed,) = bl.notifications.deliver().failed
    assert failed.error == "KeyError: 'not yet'"
    clock.turn(1 / 24)
    assert bl.notifications.deliver().sent == 1
    assert came[0].id == came[1].id


def test_a_function_of_another_session_is_left_to_it(tmp_path: Path) -> None:
    came: list[Message] = []
    with embedded(tmp_path) as bl:
        bl.notifications.add_channel("code", callback=came.append)
    with embedded(tmp_path) as bl:
        bl.notifications.post(LAG)
        assert bl.notifications.deliver().attempts == ()
        assert states(bl) == ["waiting"]
        with pytest.raises(InvalidSetting, match="another process"):
            bl.notifications.test("code")
        bl.notifications.add_channel("code", callback=came.append)
        assert bl.notifications.deliver().sent == 1
    assert [one.notice for one in came] == [LAG]


# --- rules --------------------------------------------------------------------------------------------


def test_rules_say_who_is_told_what(bl: BarLedger) -> None:
    heard: dict[str, list[str]] = {"all": [], "bad": [], "apple": []}
    for name, kinds, about, severity in (
        ("all", "*", "*", "info"),
        ("bad", "*_failed", "*", "critical"),
        ("apple", "lag", "AAPL *", "info"),
    ):
        take = heard[name].append
        bl.notifications.add_channel(
            name,
            callback=lambda message, take=take: take(message.notice.kind),
            kinds=kinds,
            about=about,
            severity=severity,  # type: ignore[arg-type]
        )
    bl.notifications.rule("apple", kinds="gap", about="AAPL *")
    for notice in (
        LAG,
        replace(LAG, kind="gap"),
        replace(LAG, about="MSFT 1d from yahoo"),
        replace(LAG, kind="job_failed", severity="warning"),
        replace(LAG, kind="verification_failed", severity="critical"),
    ):
        bl.vault.notify(notice)
    bl.notifications.deliver()
    assert heard["all"] == ["lag", "gap", "lag", "job_failed", "verification_failed"]
    assert heard["bad"] == ["verification_failed"]
    assert heard["apple"] == ["lag", "gap"]
    assert [rule.channel for rule in bl.notifications.rules()] == ["all", "apple", "apple", "bad"]
    (first, second) = [rule for rule in bl.notifications.rules() if rule.channel == "apple"]
    bl.notifications.remove_rule(first.id)
    assert second in bl.notifications.rules()
    with pytest.raises(RouteNotFound):
        bl.notifications.remove_rule(first.id)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"url": ""}, InvalidSetting),
        ({"url": "log:", "kinds": "no_such_kind"}, InvalidSetting),
        ({"url": "log:", "severity": "fatal"}, InvalidSetting),
        ({"url": "log:", "about": ""}, InvalidSetting),
        ({"url": "log:", "timeout": 0}, InvalidSetting),
        ({"url": "log:", "timeout": float("nan")}, InvalidSetting),
        ({"url": "log:", "give_up_after": "soon"}, InvalidSetting),
        ({"url": "log:", "kind": "pigeon"}, InvalidSetting),
        ({"url": "log:", "callback": print}, InvalidSetting),
        ({"url": "file:relative/path"}, InvalidSetting),
        ({"url": "nonsense://T0KEN"}, InvalidSetting),
        ({"url": "https://hook.invalid/T0KEN"}, InvalidSetting),
        ({"url": "https://hook.invalid/T0KEN", "secret": "whsec_T0KEN"}, InvalidSetting),
        ({"url": "env:NOT-A-NAME"}, InvalidSetting),
        ({"url": "env:NOT_SET_HERE"}, InvalidSetting),
    ],
)
def test_what_could_never_be_delivered_is_refused_when_it_is_declared(
    bl: BarLedger, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        bl.notifications.add_channel("desk", **given)
    assert "T0KEN" not in str(refused.value)
    assert bl.notifications.channels() == []
    assert bl.notifications.rules() == []


def test_a_name_is_taken_once_and_unknown_ones_are_told(bl: BarLedger) -> None:
    bl.notifications.add_channel("desk", "log:")
    with pytest.raises(ChannelTaken, match="there is a channel 'desk' already"):
        bl.notifications.add_channel("desk", "log:other")
    for action in (bl.notifications.test, bl.notifications.remove, bl.notifications.resume, bl.notifications.retry):
        with pytest.raises(ChannelNotFound):
            action("nobody")
    with pytest.raises(ChannelNotFound):
        bl.notifications.rule("nobody")


# --- failures -------------------------------------------------------------------------------------------


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


# --- repeats, and who notices -----------------------------------------------------------------------------


def test_a_hundred_repeats_make_two_messages_an_hour(bl: BarLedger, clock: TurnableClock) -> None:
    heard: list[Message] = []
    bl.notifications.add_channel("code", callback=heard.append)
    bl.vault.notify(LAG)
    bl.notifications.deliver()
    for _ in range(100):
        bl.vault.notify(LAG)
    bl.notifications.deliver()
    assert [one.count for one in heard] == [1]
    clock.turn(1.01 / 24)
    bl.notifications.deliver()
    assert [one.count for one in heard] == [1, 100]
    assert "(100 times)" in heard[1].title


def test_noticing_fails_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with embedded(tmp_path) as bl:
        notify = bl.vault.notify
        bl.notifications.add_channel("log", "log:")
    with caplog.at_level(logging.WARNING, logger="barledger.notices"):
        notify(replace(LAG, subject="\ud800"))
        with BarLedger(
            EmbeddedStore(tmp_path, read_only=True),
            _reading(tmp_path),
            settings=_settings(),
            read_only=True,
        ) as reader:
            reader.vault.notify(LAG)
            with pytest.raises(ReadOnly):
                reader.notifications.deliver()
            assert [one.name for one in reader.notifications.channels()] == ["log"]
    assert "not kept" in caplog.text


def test_reading_the_ledger_again_shows_every_notice(bl: BarLedger) -> None:
    bl.vault.notify(LAG)
    (noticed,) = bl.notifications.notices()
    assert noticed.notice == LAG
    assert bl.notifications.outbox() == []


# --- secrets -------------------------------------------------------------------------------------------------


def test_secrets_are_shown_nowhere(bl: BarLedger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token, word = "T0KENT0KEN", new_secret()
    urls = {
        "hook": (f"http://user:{token}@127.0.0.1:{free_port()}/{token}?key={token}", word),
        "slack": (f"slack://{token[:9]}/{token[:9]}/{token * 3}/#general", ""),
        "mail": (
            f"mailto://user:{token}@localhost:{free_port()}?to=a@example.com&from=b@example.com&mode=insecure",
            "",
        ),
    }
    for name, (url, secret) in urls.items():
        bl.notifications.add_channel(name, url, secret=secret, timeout=0.2)
    bl.notifications.post(LAG)
    told: list[Any] = [bl.notifications.channels(), bl.notifications.rules()]
    bl.notifications.stop("slack", reason="this test has no network")
    told += [bl.notifications.deliver(), bl.notifications.outbox(), bl.notifications.troubles()]
    for name in ("hook", "mail"):
        with pytest.raises(DeliveryFailed) as failed:
            bl.notifications.test(name)
        told += [str(failed.value), failed.value.details(), failed.value.advice]
    told += [bl.vault.ledger.notices.channels(), [entry.body for entry in bl.audit.entries()]]
    text = repr(told) + json.dumps(plain(told[:5])) + caplog.text
    assert token not in text
    assert word not in text


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mailto://u:MAILPW@127.0.0.1:1?to=a@b.c", "mailto://********: a part that the service needs"),
        ("slack://MAILPW", "slack://********: a part that the service needs"),
        ("nonsense://MAILPW/127.0.0.1", "nonsense://********: it knows no service"),
        ("u:MAILPW@127.0.0.1?to=x://a", "********: it does not begin with a scheme"),
    ],
)
def test_of_an_address_for_apprise_only_the_scheme_is_shown(
    bl: BarLedger, caplog: pytest.LogCaptureFixture, url: str, said: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidSetting) as refused:
        bl.notifications.add_channel("mail", url)
    text = str(refused.value) + caplog.text
    assert said in text
    for part in ("MAIL", "u:", "127", "M...W", "1...1", "a...c", "b.c"):
        assert part not in text.removeprefix("channel mail")


def test_a_delivery_that_fails_shows_no_part_of_the_address(bl: BarLedger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with hook(Answer(status=503)) as served:
        port = free_port()
        urls = {
            "mail": f"mailto://desk:MAILPW@localhost:{port}?to=a@example.com&from=b@example.com&mode=insecure",
            "post": served.url.replace("http://", "json://desk:MAILPW@"),
        }
        for name, url in urls.items():
            bl.notifications.add_channel(name, url, timeout=2)
        bl.notifications.post(LAG)
        failed = {one.channel: one.error for one in bl.notifications.deliver().failed}
    assert "apprise could not send it: no connection" in failed["mail"]
    assert "apprise could not send it: the service answered 503" in failed["post"]
    text = " ".join(failed.values()) + caplog.text
    for part in ("MAILPW", "localhost", "127.0.0.1", "example.com", "desk"):
        assert part not in text


def test_a_reference_to_the_environment_is_all_that_is_kept(
    bl: BarLedger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hook() as server:
        monkeypatch.setenv("DESK_URL", server.url)
        monkeypatch.setenv("DESK_SECRET", SECRET)
        shown = bl.notifications.add_channel("desk", "env:DESK_URL", secret=REFERENCE)
        assert (shown.kind, shown.target, shown.secret) == ("webhook", "env:DESK_URL", "env:DESK_SECRET")
        later = bl.notifications.add_channel("later", "env:NOT_YET", kind="webhook", secret=REFERENCE)
        assert later.kind == "webhook"
        bl.notifications.post(LAG)
        done = bl.notifications.deliver()
        assert (done.sent, done.failed[0].error) == (1, "channel later: the environment has no NOT_YET")
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.sqlite*"))
    assert b"DESK_SECRET" in kept
    assert SECRET.encode() not in kept
    assert server.url.encode() not in kept


def test_removing_a_channel_takes_its_secret_and_its_rules_with_it(bl: BarLedger) -> None:
    bl.notifications.add_channel("desk", "https://hook.invalid/T0KEN", secret=SECRET)
    bl.notifications.post(LAG)
    bl.notifications.remove("desk", reason="moved")
    assert (bl.notifications.channels(), bl.notifications.rules()) == ([], [])
    assert [line.error for line in bl.notifications.outbox()] == ["the channel was removed"]
    assert bl.notifications.deliver().attempts == ()


def _reading(folder: Path) -> Any:
    from barledger.ledger.sql import SqlLedger  # noqa: PLC0415 - for this test

    return SqlLedger.open(f"sqlite:///{folder / 'ledger.sqlite'}", read_only=True)


def _settings() -> Any:
    from barledger.settings import Settings  # noqa: PLC0415 - for this test

    return Settings(actor="tester")
