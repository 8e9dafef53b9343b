"""What does not depend on how the gateway was compiled: scripts, commands and
reads of Redis, and the gateway's reads and writes of sockets, per send.

Sends follow one another, so that nothing shares a flush by chance."""

import asyncio
import contextlib
import re
import statistics

from stage import Stage, StageError

WARM_UP_SENDS = 40
WINDOWS = 16
SENDS_PER_WINDOW = 10
TRACE = "strace.txt"
# What reads or writes a socket. The rest, above all waking threads, is timing's.
SOCKET_CALLS = "sendto,sendmsg,recvfrom,recvmsg,writev,readv"
SWEEP_INTERVAL_MS = 2_000
# Every background step runs at least once in this time.
IDLE_S = 2.5
# A send has ended when Redis has not heard of it for so long.
QUIET_S = 0.02
QUIET_WITHIN_S = 30


async def count(gateway):
    """Figures per send, by the names in `thresholds.txt`."""
    strace = ["strace", "-f", "-o", TRACE, "-e", f"trace={SOCKET_CALLS}", "-e", "signal=none"]
    async with Stage(gateway, SWEEP_INTERVAL_MS, strace) as stage, Monitor.of(stage) as monitor:
        await stage.sends(WARM_UP_SENDS, 1)
        background = await idle(monitor)
        connection = await stage.connect()
        windows = []
        for _ in range(1 + WINDOWS):
            windows.append(await window(connection, monitor, background))
    # The first one has the connection's own beginning in it.
    scripts, commands, reads, calls = zip(*windows[1:])
    return {
        # On a busy machine a send now and then meets a moment for which a step
        # has another way: the median is the usual one.
        "redis_scripts": statistics.median(scripts) / SENDS_PER_WINDOW,
        "redis_commands": statistics.median(commands) / SENDS_PER_WINDOW,
        # Sockets are read and written for background work too, now and then: the
        # least of the windows has none of it.
        "redis_reads": min(reads) / SENDS_PER_WINDOW,
        "socket_calls": min(calls) / SENDS_PER_WINDOW,
    }


class Monitor:
    """Every step that a client asks of Redis, as Redis itself reports it."""

    def __init__(self, listening, asking):
        self.listening, self.asking = listening, asking
        self.own_ports = {
            str(writer.get_extra_info("sockname")[1]) for _, writer in (listening, asking)
        }
        # What was asked: the command, with a script its digest; and how many
        # commands that came to, those within the script included.
        self.steps = []

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, stage):
        monitor = cls(await stage.redis(), await stage.redis())
        reader, writer = monitor.listening
        writer.write(b"MONITOR\r\n")
        if await reader.readline() != b"+OK\r\n":
            raise StageError("Redis refuses MONITOR")
        monitor.task = asyncio.create_task(monitor._listen(reader))
        try:
            yield monitor
        finally:
            monitor.task.cancel()
            writer.close()
            monitor.asking[1].close()

    async def _listen(self, reader):
        # +1700000000.123456 [0 127.0.0.1:4711] "EVALSHA" "<digest>" ..
        # +1700000000.123457 [0 lua] "TIME"
        form = re.compile(rb'\+[\d.]+ \[\d+ (?:\S*:(\d+)|lua)\] "([^"]+)"(?: "([^"]*)")?')
        while line := await reader.readline():
            if not (found := form.match(line)):
                raise StageError(f"Redis reports what is not understood: {line[:40]}")
            port, command, argument = (part and part.decode() for part in found.groups())
            if port in self.own_ports:
                continue
            if port is None and self.steps:
                name, commands = self.steps[-1]
                self.steps[-1] = (name, commands + 1)
            else:
                is_script = command.upper() in ("EVALSHA", "EVAL")
                self.steps.append((f"{command} {argument}" if is_script else command, 1))
        raise StageError("Redis reports no more")

    async def quiet(self, background):
        """Waits until nothing but background work is heard of for a while."""
        for _ in range(int(QUIET_WITHIN_S / QUIET_S)):
            heard = len(self.steps)
            await asyncio.sleep(QUIET_S)
            if self.task.done():
                self.task.result()
            if all(name in background for name, _ in self.steps[heard:]):
                return
        raise StageError("Redis is never left alone")

    async def reads(self):
        """How often Redis has read a socket, this question's reading included."""
        reader, writer = self.asking
        writer.write(b"INFO stats\r\n")
        length = int((await reader.readline())[1:])
        text = (await reader.readexactly(length + 2)).decode()
        return int(re.search(r"^total_reads_processed:(\d+)", text, re.MULTILINE)[1])


async def idle(monitor):
    """The names of the steps that are asked without any send."""
    await asyncio.sleep(QUIET_S * 5)
    monitor.steps.clear()
    await asyncio.sleep(IDLE_S)
    return {name for name, _ in monitor.steps}


async def window(connection, monitor, background):
    """Scripts, commands and reads of Redis, and the gateway's socket calls, in
    some sends: each begins when the one before has ended."""
    stage = connection.stage
    monitor.steps.clear()
    calls_before, reads_before = socket_calls(stage), await monitor.reads()
    for _ in range(SENDS_PER_WINDOW):
        await connection.send()
        await stage.carried()
        await monitor.quiet(background)
    reads, calls = await monitor.reads() - reads_before - 1, socket_calls(stage) - calls_before
    steps = [step for step in monitor.steps if step[0] not in background]
    scripts = sum(name.startswith("EVAL") for name, _ in steps)
    return scripts, sum(commands for _, commands in steps), reads, calls


def socket_calls(stage):
    """So many since the start. A call that another thread's interrupts is two lines."""
    lines = (stage.directory / TRACE).read_text(errors="replace").splitlines()
    return sum("resumed>" not in line for line in lines)
