"""What an engine in a process of its own is told, and what it tells. Standard library only.

It is told its job as JSON in the environment variable `BENCH_JOB`; it tells JSON objects, one a line on stdout:
`started` when the first event reaches its code, `finished` when the last one is done and all output is acknowledged.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

VARIABLE = "BENCH_JOB"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of one engine."""

    kafka: str  # host:port
    events_topic: str
    output_topic: str  # empty for an engine that decides nothing
    group: str  # also the prefix of topics that the engine creates for itself
    ends: list[int]  # by partition, the offset behind the last event
    folder: str  # empty, for the engine's own files

    @property
    def events(self) -> int:
        """How many there are to process."""
        return sum(self.ends)

    def environment(self) -> dict[str, str]:
        """Return the job for a child process."""
        return {VARIABLE: json.dumps(asdict(self))}


def job() -> Job:
    """Return the job of this process."""
    return Job(**json.loads(os.environ[VARIABLE]))


def say(event: str, **more: Any) -> None:  # noqa: ANN401  # whatever JSON holds
    """Tell the driver that something happened just now."""
    stdout = sys.__stdout__  # Faust puts its log in the place of the other one
    if stdout is not None:
        stdout.write(json.dumps({"event": event, "at": time.time(), **more}) + "\n")
        stdout.flush()
