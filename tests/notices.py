"""A notice with the secret that signs it, and what became of its messages."""

from barledger import BarLedger
from barledger.domain.notice import Notice

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a secret of this test
LAG = Notice(
    kind="lag",
    severity="warning",
    subject="AAPL is late",
    about="AAPL 1d from yahoo",
    body="3 bars behind",
    details={"bars": 3, "revision": "1793577600000000001"},
)


def states(bl: BarLedger) -> list[str]:
    return [line.state for line in bl.notifications.outbox()]
