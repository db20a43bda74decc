"""Webhooks: signatures that others made and check, addresses and secrets that are refused, and what an answer asks."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.channels.contract import Address, Message
from barledger.channels.secrets import resolve, without
from barledger.channels.webhook import WebhookChannel, retry_after
from barledger.domain.notice import Notice
from barledger.errors import InvalidSetting

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the published test vector's
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
URL = "https://hook.invalid/T0KEN"


def channel(secret: str = SECRET, url: str = URL, at: float = 1614265330.7) -> WebhookChannel:
    return WebhookChannel(Address(name="hook", target=url, secret=secret), clock=lambda: at)


def test_the_published_test_vector_of_standard_webhooks_holds() -> None:
    headers = channel().headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@given(body=st.binary(max_size=200), key=st.binary(min_size=24, max_size=64), at=st.integers(0, 2**33))
def test_a_receiver_that_follows_the_specification_accepts_every_body(body: bytes, key: bytes, at: int) -> None:
    headers = channel("whsec_" + base64.b64encode(key).decode(), at=at).headers("ntc-1", body)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"].split(" ") == [f"v1,{wanted}"]


def test_two_secrets_sign_side_by_side_so_that_one_can_take_over_from_the_other() -> None:
    both = channel(f"{OTHER} {SECRET}").headers("id", b"x")["webhook-signature"].split(" ")
    assert both == [channel(one).headers("id", b"x")["webhook-signature"] for one in (OTHER, SECRET)]


@pytest.mark.parametrize(
    "secret", ["", "sesame", "whsec_", "whsec_!!", "whsec_c2hvcnQ=", OTHER + " x", "whsec_" + "A" * 400]
)
def test_a_secret_that_is_none_is_refused_and_not_told(secret: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        channel(secret)
    assert len(secret) < len("whsec_") + 1 or secret not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["", "hook", "ftp://h/x", "http://", "https://:80/x", "http://h:port/x", "http://[::1/x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting):
        channel(url=url)
    with pytest.raises(InvalidSetting) as refused:
        channel(url="ftp://hook.invalid/T0KEN")
    assert "T0KEN" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17", 17),
        ("0", 0),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1e9", 0),
        ("99999999999999", 21600),
        ("Wed, 99 Oct 2015 07:28:10 GMT", 0),
    ],
)
def test_an_answer_may_say_when_to_try_again(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, lambda: 1445412480.0) == seconds


def test_a_message_is_json_with_times_that_every_reader_can_keep() -> None:
    notice = Notice(kind="lag", severity="warning", subject="late", about="AAPL", details={"revision": "1"})
    data = Message(id="ntc-1", notice=notice, count=3, first_at=1_500_000_000, last_at=2_000_000_000).data
    assert json.loads(json.dumps(data)) == data
    assert (data["type"], data["timestamp"]) == ("barledger.lag", "1970-01-01T00:00:01.5Z")
    assert (data["data"]["first_at"], data["data"]["count"]) == ("1500000000", 3)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "https://hook.invalid/********"),
        ("http://user:pass@h:8080", "http://h:8080"),
        ("https://h/?key=abc", "https://h/********"),
        ("http://[::1", "********"),
    ],
)
def test_of_an_address_the_host_is_shown_and_no_more(url: str, shown: str) -> None:
    assert WebhookChannel.shown(url) == shown


def test_secrets_are_left_out_of_a_text_whole_and_in_parts() -> None:
    secrets = ("mailto://someone:s3same%21@mail.example/T0KENA/T0KENB?key=K3YK3Y", SECRET)
    text = f"{secrets[0]} s3same%21 s3same! T0KENA /T0KENA/T0KENB K3YK3Y {SECRET} mail.example"
    left = without(text, secrets)
    for word in ("s3same", "T0KEN", "K3YK3Y", SECRET, "someone"):
        assert word not in left
    assert left.endswith("mail.example")


def test_a_reference_is_looked_up_when_it_is_needed() -> None:
    assert resolve("env:HOOK", setting="x", environment={"HOOK": "value"}) == "value"
    assert resolve("plain", setting="x", environment={}) == "plain"
    for text in ("env:HOOK", "env:", "env:NO-NAME", "env:a b"):
        with pytest.raises(InvalidSetting):
            resolve(text, setting="x", environment={"HOOK": ""})
