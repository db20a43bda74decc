"""Signed notes and checkpoints: the published examples, and everything that the specifications do not allow."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.checkpoint import Checkpoint
from barledger.domain.note import Note, PrivateKey, PublicKey
from barledger.errors import InvalidNote

# The example of Go's golang.org/x/mod/sumdb/note, which the C2SP specification describes.
PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = f"""{TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""
# The example of the C2SP specification tlog-checkpoint; its key is not published.
CHECKPOINT = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
KEY = PrivateKey.generate("log")
OTHER = PrivateKey.generate("log")


def neumann() -> PrivateKey:
    return PrivateKey("PeterNeumann", Ed25519PrivateKey.from_private_bytes(base64.b64decode(PRIVATE)[1:]))


def test_a_note_is_signed_as_it_was_published() -> None:
    assert str(neumann().public) == PUBLIC
    assert neumann().sign(TEXT) == SIGNED


def test_a_published_note_is_verified_by_its_published_key() -> None:
    note = Note.of(SIGNED)
    assert note.text == TEXT
    assert note.signer([KEY.public, PublicKey.of(PUBLIC)]) == PublicKey.of(PUBLIC)
    assert note.signer([KEY.public]) is None
    assert Note.of(SIGNED.replace("don't", "do")).signer([PublicKey.of(PUBLIC)]) is None


def test_the_published_checkpoint_is_read_and_written_alike() -> None:
    found = Checkpoint.in_note(CHECKPOINT)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert str(found) == Note.of(CHECKPOINT).text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.binary(min_size=32, max_size=32))
def test_what_a_key_signs_it_verifies(line: str, seed: bytes) -> None:
    key = PrivateKey("a/b", Ed25519PrivateKey.from_private_bytes(seed))
    note = Note.of(key.sign(f"{line}\n\nmore\n"))
    assert note.text == f"{line}\n\nmore\n"
    assert note.signer([key.public]) == PublicKey.of(str(key.public)) == key.public


def test_signatures_of_unknown_keys_do_not_matter_and_wrong_ones_of_known_keys_do() -> None:
    text = "text\n"
    mine, theirs = (key.sign(text).rpartition("\n\n")[2] for key in (KEY, OTHER))
    both = Note.of(f"{text}\n{theirs}{mine}")
    assert both.signer([KEY.public]) == KEY.public
    assert both.signer([OTHER.public]) == OTHER.public
    forged = KEY.sign("another text\n").rpartition("\n\n")[2]
    assert Note.of(f"{text}\n{theirs}{forged}").signer([KEY.public, OTHER.public]) is None


def test_a_private_key_is_kept_in_a_file_and_never_shown() -> None:
    again = PrivateKey.read("log", KEY.pem)
    assert again.public == KEY.public
    assert b"PRIVATE KEY" in KEY.pem
    assert repr(KEY) == f"<PrivateKey of {KEY.public}>"
    x25519 = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for wrong in (b"", b"nonsense", KEY.pem[:-40], x25519):
        with pytest.raises(InvalidNote):
            PrivateKey.read("log", wrong)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "\u2003"])
def test_what_cannot_be_a_name_signs_nothing(name: str) -> None:
    with pytest.raises(InvalidNote):
        PrivateKey.generate(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        PUBLIC[:-4],
        PUBLIC.replace("c74f20a3", "c74f20a4"),
        PUBLIC.replace("PeterNeumann", "Another"),
        PUBLIC.replace("TW", "TX"),
        PUBLIC.replace("+ARpc", "+Arpc"),
        PUBLIC.replace("c74f20a3", "C74F20A3"),
        "PRIVATE+KEY+" + PUBLIC,
    ],
)
def test_a_public_key_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        PublicKey.of(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED.replace("\n\n", "\n"),
        SIGNED.replace("—", "-"),
        SIGNED.replace("— ", "—"),
        SIGNED.replace("JnAM=", "JnAN="),
        SIGNED.replace("JnAM=", "JnAM"),
        SIGNED.replace("x08go", "x08go "),
        SIGNED.replace("think", "think\t"),
        "\n" + SIGNED.rpartition("\n\n")[2],
        f"{TEXT}\n— PeterNeumann AAAA\n",
        SIGNED + SIGNED.rpartition("\n\n")[2] * 100,
    ],
)
def test_a_note_that_is_not_one_is_refused(note: str) -> None:
    with pytest.raises(InvalidNote):
        Note.of(note)


@pytest.mark.parametrize(
    "text",
    [
        "log\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n٣\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
        "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
    ],
)
def test_a_checkpoint_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        Checkpoint.of(text)


def test_a_checkpoint_is_signed_over_origin_size_and_root() -> None:
    made = Checkpoint(origin="log", size=3, root=b"\x07" * 32)
    note = Note.of(made.signed(KEY))
    assert note.signer([KEY.public]) == KEY.public
    assert Checkpoint.of(note.text) == made
