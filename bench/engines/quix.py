"""Quix Streams: a stateful function over a streaming dataframe, RocksDB and a changelog, settings as they come.

Runs in an environment of its own, which knows of this project no more than the generated `pharmacy` package.
"""

import pickle
from typing import Any

from quixstreams import Application, State

from bench.join import fold, is_skipped, read
from bench.protocol import Job, job, say

_TOLD_EVERY = 20_000
_PATIENT = "patient"


class Counter:
    """Counts processed events, and stops the application behind the last one."""

    def __init__(self, given: Job) -> None:
        self.app: Application | None = None
        self._events = given.events
        self._seen = 0

    def processed(self, _topic: str, _partition: int, _offset: int) -> None:
        """One more is done."""
        self._seen += 1
        if self._seen % _TOLD_EVERY == 0:
            say("progress", events=self._seen)
        if self._seen == self._events and self.app:
            self.app.stop()

    def begins(self) -> None:
        """Tell of the first event."""
        if not self._seen:
            say("started")


def matters(counter: Counter, headers: Any) -> bool:  # noqa: ANN401  # list of pairs or None
    """Whether an event is to be decoded."""
    counter.begins()
    return not is_skipped(headers or ())


def join(value: bytes, state: State) -> bytes | None:
    """Return the output that follows from an event."""
    held = state.get_bytes(_PATIENT)
    facts = pickle.loads(held) if held else {}  # noqa: S301  # written below
    changed = fold(facts, *read(value))
    state.set_bytes(_PATIENT, pickle.dumps(facts))
    return changed


def main() -> None:
    """Process all events, then stop: what is written by then is committed."""
    given = job()
    counter = Counter(given)
    app = Application(
        broker_address=given.kafka,
        consumer_group=given.group,
        auto_offset_reset="earliest",
        state_dir=given.folder,
        on_message_processed=counter.processed,
        loglevel="WARNING",
    )
    counter.app = app
    raw = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    output = app.topic(given.output_topic, key_serializer="bytes", value_serializer="bytes")
    events = app.dataframe(app.topic(given.events_topic, **raw))
    events = events.filter(lambda _value, _key, _time, headers: matters(counter, headers), metadata=True)
    outputs = events.apply(join, stateful=True)
    outputs.filter(lambda value: value is not None).to_topic(output)
    app.run()
    say("finished", events=given.events)


if __name__ == "__main__":
    main()
