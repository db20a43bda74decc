"""Changes that come too late over HTTP: what was expected, and what is there instead."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.stores.memory import MemoryStore
from libraries import frame, library
from serving import OPTIONS, bearer

BASE = "/api/v1/discrepancies"
START, END = "2004-01-01", "2005-01-01"
WHY = {"reason": "the exchange says so"}
OTHER_TAG = '"of-another-state"'


class RacedStore(MemoryStore):
    """A store whose readers are overtaken: ``overtake`` is called behind each reading, itself excepted."""

    def __init__(self) -> None:
        super().__init__()
        self.overtake: Callable[[], None] | None = None

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        found = super().read(series, layer, intervals)
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()
            self.overtake = overtake
        return found


@pytest.fixture
def store() -> RacedStore:
    return RacedStore()


@pytest.fixture
def bl(store: RacedStore) -> Iterator[BarLedger]:
    """A library with a year of IBM, in which somebody changed ten bars, and another series."""
    with library(store) as made:
        made.write("ODD", "1d", frame(range(300)), source="desk")
        made.ingest("IBM", "1d", source="sample", start=START, end=END)
        written(made, 1.001)
        yield made


def written(bl: BarLedger, factor: float) -> int:
    """Write ten bars of IBM otherwise, and return the revision that has them."""
    there = bl.bars("IBM", "1d", version="first", start="2004-03-01", end="2004-03-15").df
    return bl.write("IBM", "1d", there * factor, source="sample", reason="by hand").revision


@pytest.fixture
def client(bl: BarLedger) -> AppClient:
    """A client whose key may do everything."""
    return AppClient(build(bl, OPTIONS), headers=bearer(bl.keys.create("owner", scopes="admin").text))


@pytest.fixture
def proposed(bl: BarLedger) -> str:
    """The address of the proposal to have the source's bars back."""
    done = bl.ingest("IBM", "1d", source="sample", start=START, end=END, refresh=300, on_change="propose")
    (made,) = done.proposals
    return f"{BASE}/{made}"


@pytest.mark.parametrize("behind", range(3))
def test_whoever_is_overtaken_while_it_accepts_is_told_by_which_revision(
    bl: BarLedger, store: RacedStore, client: AppClient, proposed: str, behind: int
) -> None:
    expected = bl.integrity.discrepancy(proposed.rpartition("/")[2]).discrepancy.revision
    readings, made = count(), list[int]()

    def overtake() -> None:
        if next(readings) == behind:
            made.append(written(bl, 1.5))

    store.overtake = overtake
    told = client.post(f"{proposed}/accept", json=WHY)
    store.overtake = None
    assert (told.status_code, told.json()["code"]) == (409, "proposal-stale"), told.text
    fields = told.json()["fields"]
    assert ([int(fields["found"])], int(fields["expected"])) == (made, expected)
    assert fields["series"] == "IBM 1d from sample"
    assert bl.bars("IBM", "1d").revision == made[0], "nothing was written over it"


def test_undoing_what_was_written_over_since_tells_by_which_revision(
    bl: BarLedger, client: AppClient, proposed: str
) -> None:
    applied = client.post(f"{proposed}/accept", json=WHY)
    assert applied.status_code == 200, applied.text
    later = written(bl, 1.5)
    told = client.post(f"{proposed}/undo", json=WHY)
    assert (told.status_code, told.json()["code"]) == (409, "changed-since")
    fields = told.json()["fields"]
    assert (fields["expected"], fields["found"]) == (applied.json()["revision"], str(later))
    assert fields["changed"] == fields["bars"] == 10


# --- If-Match --------------------------------------------------------------------------------------


def _rule(client: AppClient) -> tuple[str, str, str, dict[str, Any]]:
    wish = {"kind": "volume_only", "source": "desk", "confidence": 0.9, "most_bars": 3, "reason": "noise"}
    assert client.put("/api/v1/rules/small", json=wish).status_code == 200
    return "/api/v1/rules/small", "PUT", "", wish


def _snapshot(method: str, step: str, wish: dict[str, Any] | None) -> Callable[[AppClient], Any]:
    def made(client: AppClient) -> tuple[str, str, str, dict[str, Any] | None]:
        pinned = client.post("/api/v1/data/snapshot", json={"instruments": ["ODD"], "timeframes": ["1d"]})
        return f"/api/v1/snapshots/{pinned.json()['id']}", method, step, wish

    return made


def _key(step: str) -> Callable[[AppClient], Any]:
    def made(client: AppClient) -> tuple[str, str, str, dict[str, Any]]:
        assert client.post("/api/v1/keys", json={"name": "research", "scopes": ["read"]}).status_code == 201
        return "/api/v1/keys/research", "POST", step, {"reason": "over"}

    return made


@pytest.mark.parametrize(
    "about",
    [
        pytest.param(_rule, id="rule"),
        pytest.param(_snapshot("POST", "/hold", WHY), id="hold"),
        pytest.param(_snapshot("POST", "/approve", {"strategy": "trend"}), id="approve"),
        pytest.param(_snapshot("DELETE", "", None), id="delete"),
        pytest.param(_key("/rotate"), id="rotate"),
        pytest.param(_key("/revoke"), id="revoke"),
    ],
)
def test_a_change_of_what_is_otherwise_by_now_is_not_made(client: AppClient, about: Callable[[AppClient], Any]) -> None:
    url, method, step, wish = about(client)
    before = client.get(url)
    given: dict[str, Any] = {} if wish is None else {"json": wish}
    told = client.request(method, f"{url}{step}", headers={"if-match": OTHER_TAG}, **given)
    assert (told.status_code, told.json()["code"]) == (412, "precondition-failed"), told.text
    assert told.json()["fields"] == {"expected": OTHER_TAG, "found": before.headers["etag"]}
    assert told.json()["next_step"]
    assert client.get(url).content == before.content
    fits = client.request(method, f"{url}{step}", headers={"if-match": before.headers["etag"]}, **given)
    assert fits.status_code == 200, fits.text
