"""Datasets that are reproduced on another machine."""

from pathlib import Path
from typing import Any

import pytest

from barledger import BarLedger
from barledger.domain.interval import format_time, intersection
from barledger.errors import InvalidSetting, VersionNotFound
from barledger.services.retrieval.manifest import Manifest
from desks import Desk
from libraries import frame


class TestAnotherMachine:
    """A second library that got its bars by itself, or as a copy of the first."""

    @pytest.fixture
    def data(self, desk: Desk) -> Any:
        return desk.retrieval.dataset(
            strategy="m", instruments=["AAPL", "IBM"], timeframes="1d", start=desk.day(20), source="one"
        )

    def test_the_same_bars_are_the_same_bytes(
        self, desk: Desk, data: Any, in_memory: BarLedger, tmp_path: Path
    ) -> None:
        manifest = data.save_manifest(tmp_path / "data.json")
        other = Desk(in_memory)
        with pytest.raises(VersionNotFound):
            other.retrieval.reproduce(data.id)
        nothing = other.retrieval.reproduce(data.id, manifest=manifest)
        assert (nothing.same, nothing.series[0].detail) == (False, "this library has no bars of it")
        for name in ("AAPL", "IBM"):
            other.retrieval.bars(name, "1d", start=desk.day(50), source="one", fetch_missing=True)
        done = other.retrieval.reproduce(data.id, manifest=manifest)
        assert (done.same, [one.read_as for one in done.series]) == (True, ["latest"] * 2)
        assert other.retrieval.reproduce(data.id, manifest=data.manifest).same

    def test_one_other_bar_is_found(self, desk: Desk, data: Any, in_memory: BarLedger) -> None:
        other = Desk(in_memory)
        for name in ("AAPL", "IBM"):
            other.retrieval.bars(name, "1d", start=desk.day(50), source="one", fetch_missing=True)
        in_memory.write("IBM", "1d", frame([desk.today - 7], 100.001), source="one")
        done = other.retrieval.reproduce(data.id, manifest=data.manifest)
        assert [one.same for one in done.series] == [True, False]
        assert "instead of" in done.series[1].detail
        assert not done

    def test_a_copy_of_the_library_reads_the_same_revisions(self, desk: Desk, data: Any, tmp_path: Path) -> None:
        desk.bl.back_up(tmp_path / "copy")
        desk.bl.write("AAPL", "1d", frame(desk.days(20, 10), 900.0), source="one")
        import barledger  # noqa: PLC0415 - only here

        with barledger.connect(tmp_path / "copy") as copy:
            assert copy.retrieval.reproduce(data.id).same
            assert copy.retrieval.reproduce(data.id, manifest=data.manifest).same

    def test_a_manifest_of_something_else_is_refused(self, desk: Desk, data: Any) -> None:
        with pytest.raises(InvalidSetting, match=f"it is of {data.id}, not of other"):
            desk.retrieval.reproduce("other", manifest=data.manifest)

    def test_a_manifest_comes_back_as_it_was(self, data: Any, tmp_path: Path) -> None:
        path = data.save_manifest(tmp_path / "m.json")
        assert Manifest.load(path, data.manifest.format) == data.manifest
        assert Manifest.load(path, data.manifest.format).to_bytes() == path.read_bytes()
        start = format_time(data.manifest.series[0].interval.start)
        assert f'"start": "{start}"' in path.read_text()
        assert intersection([one.interval for one in data.manifest.series], [data.interval])
