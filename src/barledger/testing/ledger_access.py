"""What a ledger promises about access keys, and about requests that are sent twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from barledger.domain.access import AccessKey, hashed
from barledger.errors import (
    AccessKeyNotFound,
    AccessKeyRevoked,
    AccessKeyTaken,
    IdempotencyPending,
    IdempotencyReused,
)
from barledger.ledger.contract import Ledger, Reply
from barledger.testing.bars import HOSTILE_NAMES
from barledger.testing.commits import SECOND, WHO, HandClock

KEY: Final = AccessKey(
    id="00aa11bb22cc", name="desk", scopes=("read", "snapshot"), instruments=("BTC*", "AAPL"), hash=hashed("secret")
)
REPLY: Final = Reply(
    status=201, headers=(("content-type", "application/json"), ("location", "/x")), body=b'{"a":1}\x00'
)


class AccessPromises:
    """Keys are kept by their hashes, a name is used once, and a request that is sent twice is answered once."""

    # --- keys ------------------------------------------------------------------------------------

    def test_keys_are_kept_whole_and_listed_by_name(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        made = ledger.access_keys.add(KEY, WHO)
        assert replace(made, made_at=0, made_by="") == KEY
        assert (made.made_by, made.made_at > 0) == (WHO.actor, True)
        ledger.access_keys.add(replace(KEY, id="ffffffffffff", name="alpha", instruments=(), expires_at=7), WHO)
        other = open_ledger()
        assert other.access_keys.get(KEY.id) == made
        assert [one.name for one in other.access_keys.list()] == ["alpha", "desk"]
        assert other.access_keys.get("000000000000") is None
        found, now, noted = other.access_keys.look(KEY.id)
        assert found == made
        assert made.made_at <= now <= ledger.now()
        assert noted == ledger.audit.frontier().size

    def test_a_name_is_used_once_and_for_all(self, ledger: Ledger) -> None:
        ledger.access_keys.add(KEY, WHO)
        ledger.access_keys.revoke(KEY.id, WHO)
        with pytest.raises(AccessKeyTaken):
            ledger.access_keys.add(replace(KEY, id="ffffffffffff"), WHO)
        assert len(ledger.access_keys.list()) == 1

    def test_a_rotated_key_has_another_hash_and_all_else_as_it_was(self, ledger: Ledger) -> None:
        made = ledger.access_keys.add(KEY, WHO)
        turned = ledger.access_keys.rotate(KEY.id, hashed("another"), WHO)
        assert turned == ledger.access_keys.get(KEY.id)
        assert turned.hash == hashed("another")
        assert turned.rotated_at > made.made_at
        assert replace(turned, hash=made.hash, rotated_at=0) == made

    def test_a_revoked_key_stays_revoked(self, ledger: Ledger) -> None:
        ledger.access_keys.add(KEY, WHO)
        gone = ledger.access_keys.revoke(KEY.id, WHO)
        entries = ledger.audit.count()
        assert ledger.access_keys.revoke(KEY.id, WHO) == gone
        assert ledger.audit.count() == entries
        assert gone.state(gone.revoked_at) == "revoked"
        with pytest.raises(AccessKeyRevoked):
            ledger.access_keys.rotate(KEY.id, hashed("another"), WHO)

    def test_keys_that_there_are_not_are_not_found(self, ledger: Ledger) -> None:
        with pytest.raises(AccessKeyNotFound):
            ledger.access_keys.rotate("nothing", b"", WHO)
        with pytest.raises(AccessKeyNotFound):
            ledger.access_keys.revoke("nothing", WHO)
        ledger.access_keys.used("nothing", 5)
        assert ledger.audit.count() == 0

    def test_the_last_use_never_goes_back_and_is_no_entry(self, ledger: Ledger) -> None:
        ledger.access_keys.add(KEY, WHO)
        entries = ledger.audit.count()
        for at in (10, 5):
            ledger.access_keys.used(KEY.id, at)
            assert ledger.access_keys.list()[0].used_at == 10
        assert ledger.audit.count() == entries

    def test_every_change_of_a_key_is_an_entry_that_tells_no_hash(self, ledger: Ledger) -> None:
        ledger.access_keys.add(KEY, WHO)
        ledger.access_keys.rotate(KEY.id, hashed("another"), WHO)
        ledger.access_keys.revoke(KEY.id, WHO)
        bodies = [entry.body for entry in ledger.audit.entries()]
        assert len(bodies) == 3
        assert all(KEY.name in body and KEY.id in body for body in bodies)
        for secret in ("secret", "another"):
            assert not any(hashed(secret).hex() in body for body in bodies)
        assert hashed("secret").hex() not in repr(ledger.access_keys.list())

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_names_of_keys_are_only_text(self, ledger: Ledger, name: str) -> None:
        made = ledger.access_keys.add(replace(KEY, name=name, instruments=(name,)), WHO)
        assert ledger.access_keys.list() == [made]

    # --- replies ---------------------------------------------------------------------------------

    def test_the_same_request_is_answered_once(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        assert ledger.replies.claim("k", "once", b"request", seconds=60) is None
        ledger.replies.keep("k", "once", b"request", REPLY)
        assert open_ledger().replies.claim("k", "once", b"request", seconds=60) == REPLY

    def test_another_request_with_the_same_name_is_refused(self, ledger: Ledger) -> None:
        assert ledger.replies.claim("k", "once", b"request", seconds=60) is None
        with pytest.raises(IdempotencyReused):
            ledger.replies.claim("k", "once", b"other", seconds=60)
        ledger.replies.keep("k", "once", b"request", REPLY)
        with pytest.raises(IdempotencyReused):
            ledger.replies.claim("k", "once", b"other", seconds=60)

    def test_names_of_other_keys_are_other_names(self, ledger: Ledger) -> None:
        assert ledger.replies.claim("k", "once", b"request", seconds=60) is None
        assert ledger.replies.claim("l", "once", b"other", seconds=60) is None

    def test_a_request_that_is_being_answered_waits(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> None:
        ledger = open_ledger(clock=clock)
        assert ledger.replies.claim("k", "once", b"request", seconds=60) is None
        with pytest.raises(IdempotencyPending):
            ledger.replies.claim("k", "once", b"request", seconds=60)
        clock.turn(61)
        assert ledger.replies.claim("k", "once", b"request", seconds=60) is None

    def test_what_failed_can_be_tried_again_at_once(self, ledger: Ledger) -> None:
        assert ledger.replies.claim("k", "once", b"request", seconds=60) is None
        ledger.replies.release("k", "once", b"request")
        assert ledger.replies.claim("k", "once", b"other", seconds=60) is None
        ledger.replies.keep("k", "once", b"other", REPLY)
        ledger.replies.release("k", "once", b"other")
        assert ledger.replies.claim("k", "once", b"other", seconds=60) == REPLY

    def test_old_answers_are_forgotten(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> None:
        ledger = open_ledger(clock=clock)
        for name in ("old", "new"):
            assert ledger.replies.claim("k", name, b"request", seconds=60) is None
            ledger.replies.keep("k", name, b"request", REPLY)
            clock.turn(100)
        assert ledger.replies.forget(clock.time - 150 * SECOND) == 1
        assert ledger.replies.claim("k", "new", b"request", seconds=60) == REPLY
        assert ledger.replies.claim("k", "old", b"other", seconds=60) is None
