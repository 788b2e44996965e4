"""What a subject needs when nothing is wrong, and that it needs no more when a fault is over (O5)."""

import asyncio
from dataclasses import dataclass

from subject import Subject

GROWTH_MIB, DESCRIPTORS, TASKS = 32.0, 8, 8
"""What may be left of a fault: a test keeps some connections open, each with its descriptor and its task."""
_PATIENCE = 10.0


@dataclass(frozen=True)
class Needs:
    """What a subject holds at a moment."""

    mib: float
    descriptors: int
    tasks: int

    async def again(self, subject: Subject) -> None:
        """Wait until the subject needs no more than this.

        Raises:
            AssertionError: it does not come back to it.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE
        while True:
            now = await needs(subject)
            mib, opened, tasks = now.mib - self.mib, now.descriptors - self.descriptors, now.tasks - self.tasks
            if mib <= GROWTH_MIB and opened <= DESCRIPTORS and tasks <= TASKS:
                return
            assert clock() < end, f"O5: {mib:+.0f} MiB, {opened:+} descriptors, {tasks:+} tasks"
            await asyncio.sleep(0.1)


async def needs(subject: Subject) -> Needs:
    """Return what it holds now."""
    return Needs(subject.resident(), subject.descriptors(), await subject.tasks())
