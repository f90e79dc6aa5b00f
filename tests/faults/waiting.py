import time
from collections.abc import Callable

POLL = 0.02  # seconds


def until(condition: Callable[[], bool], within: float) -> float:
    """How many seconds it took to become true. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            raise TimeoutError(f"{getattr(condition, '__name__', condition)}: not within {within} s")
        time.sleep(POLL)
    return time.monotonic() - began


def sleep_until(moment: float) -> None:
    """A moment of the monotonic clock."""
    time.sleep(max(0, moment - time.monotonic()))
