"""What goes wrong between a program and the server that it reads from."""

from dataclasses import dataclass

from barledger.errors.access import StoreError
from barledger.errors.integrity import IntegrityError
from barledger.errors.refusals import CapabilityMissing
from barledger.errors.root import BarledgerError


@dataclass(kw_only=True, eq=False)
class NotServed(CapabilityMissing):
    """The server does not offer what was asked; where the library is, it can be done."""

    code = "not-served"
    message = "{who} does not offer this: {capability}"
    next_step = "Do it where the library is: barledger.connect with its folder or store, or `barledger --help`."


@dataclass(kw_only=True, eq=False)
class NotBarledger(StoreError):
    """What answers at an address is no server of barledger."""

    code = "not-barledger"
    message = "{url} does not answer as a server of barledger: {detail}"
    next_step = "Check the address and the port; `barledger serve` prints them. A proxy between may answer instead."


@dataclass(kw_only=True, eq=False)
class ServerProblem(BarledgerError, RuntimeError):
    """The server refused or failed in a way that the library itself knows nothing of."""

    url: str
    status: int
    problem: str
    detail: str
    request_id: str = ""
    advised: str = ""
    code = "server-problem"
    message = "{url} answers {status} {problem}: {detail}"
    next_step = "Look the request id up in the server's log: {request_id}."

    @property
    def advice(self) -> str:
        """Return the server's own next step, if it gave one."""
        return self.advised or super().advice


@dataclass(kw_only=True, eq=False)
class AnswerDamaged(IntegrityError):
    """What arrived does not have the digest that the server told."""

    what: str
    expected: str
    found: str
    code = "answer-damaged"
    message = "{what} arrived with digest {found}, not {expected}"
    next_step = (
        "Ask again. If it stays so, something between changes answers, or server and client differ in their version."
    )
