"""Waiting for what is so, and never for a time."""

import threading
import time

# Set when everybody is to come to an end, whatever they are waiting for.
STOP = threading.Event()


class Gone(Exception):
    """What one relied on is not there any more."""


def until(what, probe, seconds, alive=lambda: None):
    """Asks again and again until the answer is true, and returns it; fails when that takes longer than the seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        alive()
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s, and still not: {what}")
        if STOP.wait(0.05):
            raise Gone("it was interrupted")
    return answer
