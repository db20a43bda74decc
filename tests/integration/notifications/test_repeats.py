"""Repeated notices are counted, and noticing fails nobody."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from barledger import BarLedger
from barledger.channels.contract import Message
from barledger.errors import ReadOnly
from barledger.stores.embedded import EmbeddedStore
from libraries import TurnableClock, embedded
from notices import LAG


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


def _reading(folder: Path) -> Any:
    from barledger.ledger.sql import SqlLedger  # noqa: PLC0415 - for this test

    return SqlLedger.open(f"sqlite:///{folder / 'ledger.sqlite'}", read_only=True)


def _settings() -> Any:
    from barledger.settings import Settings  # noqa: PLC0415 - for this test

    return Settings(actor="tester")
