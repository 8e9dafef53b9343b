"""The stage of a run: a Redis, a carrier and the gateway under test, all on
loopback in a directory that is deleted at the end, and the sends themselves."""

import asyncio
import base64
import contextlib
import hashlib
import os
import random
import secrets
import shutil
import signal
import socket
import tempfile
from pathlib import Path

HOST = "127.0.0.1"
STARTED_WITHIN_S = 120
ENDED_WITHIN_S = 20
ANSWERED_WITHIN_S = 60
CONNECT_AGAIN_S = 0.05
LOOK_AGAIN_S = 0.001
# Below those that systems give to outgoing connections.
PORTS = range(15_000, 30_000)
# The longest head or body of any of these programs is far below.
READ_MAX = 64 * 1024

# As in production, except that nothing may time out where the gateway runs fifty
# times slower, and that background work is rare: it is told apart, not counted.
CONFIGURATION = """
[server]
listen = "{listen}"
admin_listen = "{admin_listen}"
drain_delay_s = 0
header_timeout_ms = 60000
request_timeout_ms = 60000

[store]
kind = "redis"
url = "{redis_url}"
response_timeout_ms = 5000

[dispatch]
sweep_interval_ms = {sweep_interval_ms}
lease_s = 30

[[keys]]
id = "k1"
secret = "{key}"

[[tenants]]
name = "acme"
brand = "Acme"
regions = ["US"]
api_keys = [{{ id = "a1", sha256 = "{api_key_sha256}" }}]

[[providers]]
id = "carrier"
kind = "webhook"
channels = ["sms"]
url = "{carrier_url}"
secret = "whsec_{webhook_secret}"
attempt_timeout_ms = 10000

[[routes]]
channel = "sms"
strategy = "ordered"
hops = ["carrier"]
"""


class StageError(Exception):
    """Something other than the gateway's cost is wrong."""


def free_ports(count):
    """Ports that nothing listens on, and that no outgoing connection takes meanwhile."""
    candidates = random.sample(PORTS, 100)
    with contextlib.ExitStack() as held:
        free = []
        while candidates and len(free) < count:
            listener = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind((HOST, candidates[-1]))
                free.append(candidates[-1])
            candidates.pop()
    if len(free) < count:
        raise StageError("no free ports")
    return free


async def read_message(reader):
    """One HTTP message with a Content-Length: its first line and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    first_line, *fields = head.decode("latin-1").split("\r\n")
    lengths = [line.split(":", 1)[1] for line in fields if line.lower().startswith("content-length:")]
    length = int(lengths[0]) if lengths else 0
    if length > READ_MAX:
        raise StageError(f"a body of {length} bytes")
    return first_line, await reader.readexactly(length)


class Stage:
    """Use as `async with`. What it starts, it ends."""

    def __init__(self, gateway, sweep_interval_ms, wrapper=()):
        self.gateway_binary = Path(gateway).resolve()
        self.sweep_interval_ms = sweep_interval_ms
        self.wrapper = list(wrapper)
        self.api_key = "wk_" + secrets.token_hex(24)
        self.messages_taken = 0
        self.sends_started = 0
        self.processes = []
    async def __aenter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="watchword-per-send-"))
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._worker(process), signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), ENDED_WITHIN_S)
            except asyncio.TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._worker(process), signal.SIGKILL)
                await process.wait()
        shutil.rmtree(self.directory)

    @staticmethod
    def _worker(process):
        """What a wrapper has started, or the process itself."""
        if process.returncode is not None:
            raise ProcessLookupError
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return int(children[0]) if children else process.pid

    async def _start(self):
        self.redis_port, self.gateway_port, self.admin_port = free_ports(3)
        await self._spawn(
            "redis-server", "--bind", HOST, "--port", str(self.redis_port),
            "--save", "", "--appendonly", "no", "--dir", str(self.directory), log="redis",
        )
        await self._connected(self.redis_port, "redis-server")
        carrier = await asyncio.start_server(self._take_messages, HOST, 0)
        configuration = self.directory / "gateway.toml"
        configuration.write_text(self._configuration(carrier.sockets[0].getsockname()[1]))
        configuration.chmod(0o600)
        self.gateway = await self._spawn(
            *self.wrapper, str(self.gateway_binary), "serve", "--config", str(configuration),
            log="gateway",
        )
        await self._serving()

    def _configuration(self, carrier_port):
        return CONFIGURATION.format(
            listen=f"{HOST}:{self.gateway_port}",
            admin_listen=f"{HOST}:{self.admin_port}",
            redis_url=f"redis://{HOST}:{self.redis_port}/0",
            sweep_interval_ms=self.sweep_interval_ms,
            key=base64.b64encode(secrets.token_bytes(32)).decode(),
            api_key_sha256=hashlib.sha256(self.api_key.encode()).hexdigest(),
            carrier_url=f"http://{HOST}:{carrier_port}/send",
            webhook_secret=base64.b64encode(secrets.token_bytes(32)).decode(),
        )

    async def _spawn(self, *command, log):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD__")
        }
        with open(self.directory / f"{log}.log", "wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self.directory, env=environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )
        self.processes.append(process)
        return process

    async def _connected(self, port, name):
        for _ in range(int(STARTED_WITHIN_S / CONNECT_AGAIN_S)):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(HOST, port, limit=READ_MAX)
            if any(process.returncode is not None for process in self.processes):
                break
            await asyncio.sleep(CONNECT_AGAIN_S)
        logs = [path.read_text(errors="replace")[-2000:] for path in self.directory.glob("*.log")]
        raise StageError(f"{name} did not start; the logs end:\n" + "\n".join(logs))

    async def _serving(self):
        """The gateway binds its port at once and accepts when it is ready."""
        reader, writer = await self._connected(self.gateway_port, "the gateway")
        writer.write(f"GET /openapi.json HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        await asyncio.wait_for(reader.read(1), STARTED_WITHIN_S)
        writer.close()

    async def _take_messages(self, reader, writer):
        """The carrier: has every message, and gives it a name."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await read_message(reader)
                self.messages_taken += 1
                body = f'{{"message_id":"msg_{self.messages_taken:016}"}}'
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )
        writer.close()

    def gateway_log(self):
        return (self.directory / "gateway.log").read_text(errors="replace")

    async def connect(self):
        return Connection(self, *await self._connected(self.gateway_port, "the gateway"))

    async def redis(self):
        return await self._connected(self.redis_port, "redis-server")

    async def sends(self, count, connections):
        """Makes so many sends and waits until the carrier has every message."""
        opened = [await self.connect() for _ in range(connections)]

        async def share(index, connection):
            for _ in range(index, count, connections):
                await connection.send()

        await asyncio.gather(*(share(*numbered) for numbered in enumerate(opened)))
        for connection in opened:
            connection.close()
        await self.carried()

    async def carried(self):
        """Waits until the carrier has the message of every send."""
        for _ in range(int(ANSWERED_WITHIN_S / LOOK_AGAIN_S)):
            if self.messages_taken == self.sends_started:
                return
            await asyncio.sleep(LOOK_AGAIN_S)
        raise StageError(f"of {self.sends_started} sends, the carrier got {self.messages_taken}")


class Connection:
    """One connection of a tenant to the gateway."""

    def __init__(self, stage, reader, writer):
        self.stage, self.reader, self.writer = stage, reader, writer

    async def send(self):
        """One accepted send, of a number and a client address of its own."""
        serial = self.stage.sends_started
        self.stage.sends_started += 1
        number = f"+1415{200 + serial // 10_000}{serial % 10_000:04}"
        address = f"73.{serial >> 16 & 255}.{serial >> 8 & 255}.{serial & 255}"
        body = f'{{"to":"{number}","channel":"sms","client":{{"ip":"{address}"}}}}'
        self.writer.write(
            f"POST /v1/verifications HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Authorization: Bearer {self.stage.api_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        status, answer = await asyncio.wait_for(read_message(self.reader), ANSWERED_WITHIN_S)
        if " 201 " not in status:
            raise StageError(f"a send was answered with {status}: {answer.decode(errors='replace')}")

    def close(self):
        self.writer.close()
