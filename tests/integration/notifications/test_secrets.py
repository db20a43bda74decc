"""Secrets of channels are shown nowhere."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from barledger import BarLedger
from barledger.cli.output import plain
from barledger.errors import DeliveryFailed, InvalidSetting
from barledger.services.notifications.service import new_secret
from notices import LAG, SECRET
from receivers import Answer, free_port, hook

REFERENCE = "env:DESK_SECRET"


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
