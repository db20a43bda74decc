"""Notices reach people through real servers of each kind."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from barledger import BarLedger
from barledger.channels.contract import Message
from barledger.errors import InvalidSetting
from libraries import TurnableClock, embedded
from notices import LAG, SECRET, states
from receivers import hook, mailbox


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
