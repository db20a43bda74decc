"""Anchor files that keep checkpoints outside of the library."""

from pathlib import Path

import pytest

from audits import key_file, listening, said, signed_library, write_some
from barledger import BarLedger
from barledger.domain.notice import Notice
from barledger.errors import InvalidSetting, LogRewritten, StoreUnwritable


def test_checkpoints_are_anchored_once_each_and_told(bl: BarLedger, anchor: Path) -> None:
    heard: list[Notice] = []
    listening(bl, heard.append)
    write_some(bl, 1)
    first = bl.audit.checkpoint(anchor=anchor)
    assert bl.audit.checkpoint(anchor=anchor) == first
    write_some(bl, 1)
    second = bl.audit.checkpoint()
    bl.audit.checkpoint(anchor=anchor)
    assert anchor.read_text() == f"{first.note}\n{second.note}\n"
    assert [(one.kind, one.details["size"], one.details["anchor"]) for one in heard] == [
        ("checkpoint_anchored", "2", str(anchor)),
        ("checkpoint_anchored", "3", ""),
        ("checkpoint_anchored", "3", str(anchor)),
    ]
    assert heard[0].details["note"] == first.note
    found = bl.audit.verify(anchor=anchor)
    assert (found.ok, found.checkpoints, found.anchored, found.signed) == (True, 4, 2, 3)


def test_the_setting_names_the_anchor_file(tmp_path: Path, anchor: Path) -> None:
    with signed_library(tmp_path / "library", anchor=anchor) as bl:
        write_some(bl, 1)
        bl.audit.checkpoint()
        assert bl.audit.verify().anchored == 1


def test_several_logs_share_an_anchor_file(bl: BarLedger, tmp_path: Path, anchor: Path) -> None:
    bl.audit.checkpoint(anchor=anchor)
    with signed_library(tmp_path / "other") as other:
        other.audit.checkpoint(anchor=anchor)
        assert other.audit.verify(anchor=anchor).anchored == 1
    write_some(bl, 1)
    bl.audit.checkpoint(anchor=anchor)
    assert bl.audit.verify(anchor=anchor).anchored == 2


@pytest.mark.parametrize("end", ["half a checkpoint", "log\n1\n", "\n\n— "])
def test_an_anchor_file_with_a_torn_end_is_told_and_left_alone(bl: BarLedger, anchor: Path, end: str) -> None:
    bl.audit.checkpoint(anchor=anchor)
    anchor.write_text(anchor.read_text() + end)
    write_some(bl, 1)
    before = anchor.read_text()
    with pytest.raises(LogRewritten, match="anchor file"):
        bl.audit.checkpoint(anchor=anchor)
    assert anchor.read_text() == before
    assert "anchor file" in said(bl.audit.verify(anchor=anchor))[0][2]


def test_an_anchor_file_whose_last_blank_line_was_lost_is_gone_on_with(bl: BarLedger, anchor: Path) -> None:
    bl.audit.checkpoint(anchor=anchor)
    anchor.write_text(anchor.read_text().removesuffix("\n"))
    write_some(bl, 1)
    bl.audit.checkpoint(anchor=anchor)
    assert bl.audit.verify(anchor=anchor).anchored == 2


def test_an_anchor_that_cannot_be_written_is_refused(bl: BarLedger, tmp_path: Path) -> None:
    with pytest.raises(StoreUnwritable, match="nowhere"):
        bl.audit.checkpoint(anchor=tmp_path / "nowhere" / "anchor")
    with pytest.raises(InvalidSetting, match="cannot be read"):
        bl.audit.verify(anchor=tmp_path / "nothing")


def test_a_log_that_is_not_what_was_anchored_is_not_signed(bl: BarLedger, tmp_path: Path, anchor: Path) -> None:
    write_some(bl, 3)
    bl.audit.checkpoint(anchor=anchor)
    bl.vault.ledger.copy_to(f"sqlite:///{tmp_path / 'copy.sqlite'}")
    url = f"sqlite:///{tmp_path / 'copy.sqlite'}"
    with signed_library(tmp_path / "fork", url, store=bl.vault.store) as fork:
        for side in (bl, fork):
            for number in range(2):
                side.vault.ledger.audit.append(side.vault.who("look"), {"number": number})
        place = fork.audit._signer.keys.place
        assert place is not None
        place.folder.mkdir(mode=0o700)
        (place.folder / "audit.key").write_bytes(key_file(bl).read_bytes())
        (place.folder / "audit.key").chmod(0o600)
        bl.audit.checkpoint(anchor=anchor)
        with pytest.raises(LogRewritten, match="another root"):
            fork.audit.checkpoint(anchor=anchor)
        # Without the anchor the fork looks well, which is what anchors are for.
        assert fork.audit.verify().ok
        first, last, told = said(fork.audit.verify(anchor=anchor))[0]
        assert (first, last) == (5, 6)
        assert str(anchor) in told
