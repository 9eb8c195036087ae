"""Named places where a test may end the process, as a power cut would.

Crash safety is a claim about every instant between two writes. Random kills hit
those instants now and then; a name in ``RAPPORT_KILLPOINT`` hits one for sure.
"""

import os

EXIT_CODE = 137  # what a shell reports for a process that was SIGKILLed


def reach(name: str) -> None:
    """Exit at once, without any clean-up, if ``RAPPORT_KILLPOINT`` names this place.

    Args:
        name: of the place, unique in the code base, said as what has just happened.
    """
    if os.environ.get("RAPPORT_KILLPOINT") == name:
        os._exit(EXIT_CODE)
