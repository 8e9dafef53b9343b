"""Instructions and allocations of the gateway per send, counted by callgrind."""

import asyncio
import collections
import re

from stage import Stage, StageError

WARM_UP_SENDS = 400
SENDS = 1500
CONNECTIONS = 8
SETTLED_AFTER_S = 1
SWEEP_INTERVAL_MS = 10_000
CONTROLLED_WITHIN_S = 60
# So many are shown.
FUNCTIONS = 40

ALLOCATING = {
    "malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc",
    "mi_malloc_aligned", "mi_zalloc_aligned", "mi_realloc_aligned",
}


async def count(gateway, shows_functions):
    """Figures per send, by the names in `thresholds.txt`."""
    valgrind = [
        "valgrind", "--tool=callgrind", "--callgrind-out-file=callgrind.out",
        # Otherwise a thread that waits spins at the expense of those that work.
        "--fair-sched=try",
    ]
    async with Stage(gateway, SWEEP_INTERVAL_MS, wrapper=valgrind) as stage:
        await stage.sends(WARM_UP_SENDS, CONNECTIONS)
        await asyncio.sleep(SETTLED_AFTER_S)
        await control(stage, "--zero")
        await stage.sends(SENDS, CONNECTIONS)
        await asyncio.sleep(SETTLED_AFTER_S)
        await control(stage, "--dump")
        profiles = sorted(stage.directory.glob("callgrind.out.*"))
        if not profiles:
            raise StageError("callgrind wrote no profile")
        profile = Profile(profiles[0].read_text())
    if shows_functions:
        for name, cost in profile.dearest():
            print(f"{cost:10,.0f}  {name}")
    return {
        "instructions": profile.instructions.total() / SENDS,
        "allocations": profile.allocations / SENDS,
    }


async def control(stage, order):
    """Tells callgrind, and waits until it has done so."""
    process = await asyncio.create_subprocess_exec(
        "callgrind_control", order, str(stage.gateway.pid),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), CONTROLLED_WITHIN_S)
    if process.returncode != 0 or b"OK" not in said:
        raise StageError(f"callgrind_control {order}: {said.decode(errors='replace')}")


class Profile:
    """What callgrind has counted: instructions by function, and calls of the allocator."""

    def __init__(self, text):
        self.instructions = collections.Counter()
        self.allocations = 0
        names, function, called = {}, None, None
        is_of_a_call = False
        for line in text.splitlines():
            # A name is written once, then stands for itself by its number.
            if named := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?$", line):
                is_callee, number, name = named.groups()
                name = names.setdefault(number, name)
                function, called = (function, name) if is_callee else (name, called)
            elif line.startswith("calls="):
                # The next line is what the call has cost: the callee's, told there.
                is_of_a_call = True
                if called in ALLOCATING:
                    self.allocations += int(line[len("calls="):].split()[0])
            elif cost := re.match(r"[+*-]?\d* (\d+)$", line):
                if not is_of_a_call:
                    self.instructions[function] += int(cost[1])
                is_of_a_call = False
        if not self.instructions:
            raise StageError("the profile has no costs")

    def dearest(self):
        """The functions that cost most, with what they cost a send themselves."""
        return [(name, total / SENDS) for name, total in self.instructions.most_common(FUNCTIONS)]
