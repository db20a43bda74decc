"""Whose signatures count after a key was changed: only a trusted key can name its successor."""

from barledger.domain.note import PrivateKey
from barledger.services.audit.trust import ROTATED, followed, hand_over, successor

FIRST, SECOND, THIRD, FORGER = (PrivateKey.generate("log") for _ in range(4))
ELSEWHERE = PrivateKey.generate("another")


def rotated(old: PrivateKey, new: PrivateKey) -> dict[str, str]:
    return {"operation": ROTATED, "note": hand_over(old, new.public)}


def test_trust_goes_on_from_key_to_key() -> None:
    told = [rotated(FIRST, SECOND), rotated(SECOND, THIRD)]
    assert followed(told, {FIRST.public}) == {FIRST.public, SECOND.public, THIRD.public}
    assert followed(told, {SECOND.public}) == {SECOND.public, THIRD.public}


def test_nobody_names_a_successor_but_a_trusted_key() -> None:
    assert followed([rotated(FORGER, THIRD), rotated(THIRD, SECOND)], {FIRST.public}) == {FIRST.public}
    pretended = hand_over(FIRST, SECOND.public).replace(str(SECOND.public), str(FORGER.public))
    assert successor(pretended, {FIRST.public}) is None
    assert successor(hand_over(FIRST, ELSEWHERE.public), {FIRST.public}) is None
    assert (
        successor(FORGER.sign(f"barledger/key-rotation/1\n{FIRST.public}\n{SECOND.public}\n"), {FORGER.public}) is None
    )
    assert successor(FIRST.sign("log\n1\nAAAA\n"), {FIRST.public}) is None
    assert successor("nonsense", {FIRST.public}) is None
