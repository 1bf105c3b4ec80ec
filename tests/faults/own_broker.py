"""A Kafka of one's own that may be ended and started again: it keeps its address, as a broker in production does."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rx_embedded import rxguard_home
from rx_embedded.child import Children
from rx_embedded.jars import obtain_jars
from rx_embedded.kafka import Kafka
from rx_runtime.installation import Installation
from rx_runtime.kafka.topics import apply

PARTITIONS = 4


class OwnKafka(Kafka):
    """Keeps the ports of its first start."""

    def _write_settings(self) -> None:
        if not self.port:
            super()._write_settings()

    async def restart_after(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> None:
        """End it with that signal, and start it again after that time."""
        assert self.child is not None
        os.kill(self.child.pid, number)
        assert await self.child.wait(30) is not None
        await asyncio.sleep(seconds)
        await self.start()


@dataclass(frozen=True)
class Grounds(Installation):
    """A broker of its own, with the topics of one installation."""

    broker: OwnKafka = field(kw_only=True)

    def environment(self, service: str) -> dict[str, str]:  # noqa: ARG002  # there is one
        return os.environ | {
            "RXGUARD_KAFKA": self.kafka,
            "RXGUARD_NAMESPACE": self.namespace,
            "RXGUARD_PSEUDONYM_KEY": "5a" * 32,
        }


@asynccontextmanager
async def own_broker(folder: Path) -> AsyncIterator[Grounds]:
    jars = await obtain_jars(rxguard_home() / "jars", None)
    broker = OwnKafka(folder / "kafka", jars, Children(folder / "children.json"))
    await broker.start()
    try:
        grounds = Grounds(broker.address, "faults", broker=broker)
        await apply(grounds, PARTITIONS)
        yield grounds
    finally:
        await broker.stop()
