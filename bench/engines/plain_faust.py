"""Plain Faust as its user guide shows it: an agent over a topic, a table with its changelog, settings as they come.

The table is kept in memory, the faster of the two documented stores; topics carry bytes, and the state is pickled.
"""

import asyncio
import pickle
from typing import Any

import faust

from bench.join import State, fold, is_skipped, read
from bench.protocol import Job, job, say

_TOLD_EVERY = 5_000


def application(given: Job) -> faust.App:
    """Return the app, which tells when it has processed all events and Kafka has acknowledged what it wrote."""
    app = faust.App(
        given.group,
        broker=f"kafka://{given.kafka}",
        datadir=given.folder,
        topic_partitions=len(given.ends),
        web_enabled=False,
    )
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    events, output = app.topic(given.events_topic, **raw), app.topic(given.output_topic, **raw)
    patients = app.Table("patients", key_type=bytes, value_type=bytes)

    @app.agent(events)
    async def join(stream: Any) -> None:  # noqa: ANN401  # a Faust stream
        seen = 0
        async for event in stream.events():
            if not seen:
                say("started")
            if not is_skipped(event.headers.items()):
                held = patients.get(event.key)
                state: State = pickle.loads(held) if held else {}  # noqa: S301  # written below
                changed = fold(state, *read(event.value))
                patients[event.key] = pickle.dumps(state)
                if changed is not None:
                    await output.send(key=event.key, value=changed)
            seen += 1
            if seen % _TOLD_EVERY == 0:
                say("progress", events=seen)
            if seen == given.events:
                await app.producer.flush()
                say("finished", events=seen)

    return app


def main() -> None:
    """Work until stopped by a signal."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    faust.Worker(application(job()), loglevel="WARNING", loop=loop).execute_from_commandline()


if __name__ == "__main__":
    main()
