"""A seam for faults, in tests alone: an entry of INGEST_GATES that fails, or kills its worker, on a marked event.

Known bad input is refused at the door or with a reason; poison is what nobody knew of. So it is put in here, where a
claim is at its deepest: inside its transaction. It is mended when the file that CDP_TEST_MENDED names exists.
"""

import os
import signal
from pathlib import Path

from profiles.ingest.gates import Claim, Verdict

RAISES, KILLS = "raises", "kills"


def poisoned_gate(claim: Claim) -> dict[int, Verdict]:
    """Let everything pass, except that poison is poison until it is mended."""
    found = {event.properties.get("poison") for event in claim.events}
    if not Path(os.environ["CDP_TEST_MENDED"]).exists():
        if KILLS in found:
            os.kill(os.getpid(), signal.SIGKILL)
        if RAISES in found:
            raise ZeroDivisionError("as a defect in a gate would")
    return {}
