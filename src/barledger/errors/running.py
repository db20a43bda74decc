"""Channels, deliveries and scheduled jobs."""

from dataclasses import dataclass

from barledger.errors.lookup import NotFound
from barledger.errors.refusals import CapabilityMissing, LeaseLost, Refused
from barledger.errors.root import BarledgerError


@dataclass(kw_only=True, eq=False)
class ChannelNotFound(NotFound):
    """No channel for notices has this name."""

    channel: str
    code = "channel-not-found"
    message = "no channel is called {channel!r}"
    next_step = "`barledger notify channels` lists those that there are."


@dataclass(kw_only=True, eq=False)
class RouteNotFound(NotFound):
    """No rule of notification has this id."""

    rule: str
    code = "route-not-found"
    message = "no rule of notification is called {rule!r}"
    next_step = "`barledger notify rules` lists those that there are."


@dataclass(kw_only=True, eq=False)
class JobNotFound(NotFound):
    """No job of the schedule has this name."""

    job: str
    code = "job-not-found"
    message = "no job of the schedule is called {job!r}"
    next_step = "`barledger schedule list` lists those that there are."


@dataclass(kw_only=True, eq=False)
class QueuedJobNotFound(NotFound):
    """No job that somebody asked for has this id; of those that have ended only the newest are kept."""

    job: str
    code = "queued-job-not-found"
    message = "no job has the id {job!r}"
    next_step = "`barledger jobs list` lists those that there are; the oldest are forgotten."


@dataclass(kw_only=True, eq=False)
class JobFileNotFound(NotFound):
    """A job has no such file, or it lies on the machine that made it."""

    job: str
    file: str
    host: str
    code = "job-file-not-found"
    message = "job {job} has no file {file!r} here; it was done on {host}"
    next_step = "Look at the files that the job's result names; on another machine, ask the server there."


@dataclass(kw_only=True, eq=False)
class QueueFull(Refused):
    """As many jobs wait or run as may."""

    waiting: int
    code = "queue-full"
    message = "{waiting} jobs wait or run already"
    next_step = "Try again when some have ended, or cancel one: `barledger jobs list`, `barledger jobs cancel ID`."


@dataclass(kw_only=True, eq=False)
class JobUnfinished(Refused):
    """A job has no result yet, or never had one."""

    job: str
    state: str
    code = "job-unfinished"
    message = "job {job} is {state}, and has no result"
    next_step = "Wait until it is done: `barledger jobs show ID` says how far it is."


@dataclass(kw_only=True, eq=False)
class DeliveryFailed(BarledgerError, OSError):
    """A channel did not take a notice; another try later may help. ``retry_after`` is in seconds, 0 if unknown."""

    channel: str
    detail: str
    retry_after: float = 0.0
    code = "delivery-failed"
    message = "channel {channel} did not take it: {detail}"
    next_step = "It is tried again by itself; `barledger notify test` tries the channel at once."


@dataclass(kw_only=True, eq=False)
class DeliveryRefused(DeliveryFailed):
    """A channel answers, and does not want this notice."""

    code = "delivery-refused"
    message = "channel {channel} refused it: {detail}"
    next_step = "Check the address and the secret of the channel, then `barledger notify test` it."


@dataclass(kw_only=True, eq=False)
class ChannelGone(DeliveryRefused):
    """The other side says that it wants no notices any more; the channel is stopped."""

    code = "channel-gone"
    message = "channel {channel} is gone: {detail}"
    next_step = "Remove the channel, or give its new address and `barledger notify resume` it."


@dataclass(kw_only=True, eq=False)
class JobKindMissing(CapabilityMissing):
    """This barledger has no such kind of job, or lacks what it needs."""

    code = "job-kind-missing"
    message = "{who} cannot be scheduled: {capability}"
    next_step = "`barledger schedule kinds` lists what can be."


@dataclass(kw_only=True, eq=False)
class JobRunning(Refused):
    """The job still runs, here or in another process."""

    job: str
    since: str
    code = "job-running"
    message = "job {job} runs since {since}"
    next_step = "Wait for its end: `barledger schedule history` shows it."


@dataclass(kw_only=True, eq=False)
class RunnerLost(LeaseLost):
    """This process was stopped for so long that another one runs the schedule now."""

    code = "runner-lost"
    message = "the lease on {what} was lost {waited:.1f} s ago; another process may run it now"
    next_step = "Nothing is to be done: this process stands by until the other one ends."
