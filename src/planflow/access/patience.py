"""How long nobody is heard after so many failed sign-ins: exponential back-off. Pure."""

FIRST_WAIT = 10  # seconds, doubled with each failure beyond those that are free
LONGEST_WAIT = 15 * 60
FORGOTTEN_AFTER = 24 * 60 * 60  # seconds without a failure
KNOWN_FOR = 30 * 24 * 60 * 60  # seconds from a good sign-in on, at the place it came from


def wait(failures: int, free: int) -> int:
    """Seconds to wait after a number of failures, of which the first few are free."""
    beyond = failures - free
    if beyond < 0:
        return 0
    return min(FIRST_WAIT << min(beyond, 16), LONGEST_WAIT)
