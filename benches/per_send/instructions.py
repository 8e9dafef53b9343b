"""Instructions and allocations of the gateway per send, counted by callgrind."""

import asyncio
import re
import shutil

from stage import Stage, StageError

WARM_UP_SENDS = 400
SENDS = 1500
CONNECTIONS = 8
SETTLED_AFTER_S = 1
SWEEP_INTERVAL_MS = 10_000
CONTROLLED_WITHIN_S = 60

ALLOCATING = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"}


async def count(gateway, keep_profile=None):
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
        text = profiles[0].read_text()
        if keep_profile:
            shutil.copy(profiles[0], keep_profile)
    return {
        "instructions": instructions(text) / SENDS,
        "allocations": allocations(text) / SENDS,
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


def instructions(profile):
    totals = re.findall(r"^(?:totals|summary): (\d+)", profile, re.MULTILINE)
    if not totals:
        raise StageError("the profile has no totals")
    return int(totals[-1])


def allocations(profile):
    """Calls of the allocator. A name is written once, then stands for itself by its number."""
    names, called, total = {}, None, 0
    for line in profile.splitlines():
        if named := re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line):
            number, name = named.groups()
            if name:
                names[number] = name
            if line.startswith("cfn="):
                called = names[number]
        elif line.startswith("calls=") and called in ALLOCATING:
            total += int(line[len("calls="):].split()[0])
    return total
