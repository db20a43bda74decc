"""Heartbeats: commits that are over at once start no thread, those that last are prolonged until they end."""

import threading
from threading import Event, Semaphore

from barledger.services.cache.heartbeat import Heartbeats, heartbeats


def beating() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "barledger-heartbeat"]


def test_what_is_over_before_its_first_beat_starts_no_thread_of_its_own() -> None:
    made, beaten = Heartbeats(), Event()
    before = threading.active_count()
    for _ in range(50):
        made.begin(lambda: bool(beaten.set()), every=60.0)()
    assert threading.active_count() <= before + 1
    assert not beaten.is_set()


def test_what_lasts_is_beaten_again_and_again_until_it_ends() -> None:
    made, beats = Heartbeats(), Semaphore(0)

    def beat() -> bool:
        beats.release()
        return True

    end = made.begin(beat, every=0.01)
    for _ in range(3):
        assert beats.acquire(timeout=10)
    end()
    while beats.acquire(blocking=False):
        pass
    assert not beats.acquire(timeout=0.1)


def test_a_shorter_one_is_not_kept_waiting_by_a_longer_one() -> None:
    made, beaten = Heartbeats(), Event()
    end_long = made.begin(lambda: True, every=60.0)
    end_short = made.begin(lambda: bool(beaten.set()), every=0.01)
    assert beaten.wait(10)
    end_short()
    end_long()


def test_a_beat_that_waits_holds_up_no_other() -> None:
    made, stuck, beaten = Heartbeats(), Event(), Event()
    end_first = made.begin(lambda: stuck.wait(10), every=0.01)
    end_second = made.begin(lambda: bool(beaten.set()), every=0.02)
    assert beaten.wait(10)
    stuck.set()
    end_first()
    end_second()


def test_a_beat_that_is_in_vain_is_the_last() -> None:
    made, beats = Heartbeats(), Semaphore(0)
    end = made.begin(lambda: bool(beats.release()), every=0.01)
    assert beats.acquire(timeout=10)
    assert not beats.acquire(timeout=0.1)
    end()


def test_a_process_has_one() -> None:
    assert heartbeats() is heartbeats()
