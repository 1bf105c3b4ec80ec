"""`rxguard ingest`: a file into the inbound topic, and an account of what became of every line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pharmacy.prescriptions.v1.prescriptions_pb2 import Receipt

from rxguard.client.connect import Connection
from rxguard.client.delivery import STALL_SECONDS, Position, Progress, collect_receipts, send, silent, until_checked
from rxguard.client.findings import counted, current_sets
from rxguard.client.records import MAX_LINE_BYTES, Record, headers, open_records, records_of
from rxguard.client.status import EVENTS, extents

_COUNTS = ("read", "stored", "unchanged", "dead_letter")
_WHOLE_DOCUMENT = -1  # entry of a rejection that concerns no single one


@dataclass
class Account:
    """What became of the records, summed up receipt by receipt."""

    bundles: int = 0
    resources: dict[str, Counter[str]] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    uncoded: dict[tuple[str, str], list[Any]] = field(default_factory=dict)  # display and count, by system and code
    dead_letters: Counter[tuple[int, int | None, str, str]] = field(default_factory=Counter)
    not_sent: int = 0
    patients: set[bytes] = field(default_factory=set)
    event_positions: dict[int, int] = field(default_factory=dict)  # highest offset, by partition

    def reading(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records as they are read, counting each."""
        for record in records:
            self.bundles += record.is_bundle
            if record.value is None:
                self.not_sent += 1
                reason = f"not sent: the line is longer than {MAX_LINE_BYTES} bytes; split it"
                self.dead_letters[record.line, None, "LINE_TOO_LONG", reason] += 1
            yield record

    def add(self, lines: Mapping[Position, int], receipt: Receipt) -> None:
        """Take down what became of one record."""
        line = lines[receipt.position.partition, receipt.position.offset]
        for count in receipt.resources:
            kind = self.resources.setdefault(count.kind, Counter())
            kind.update({name: getattr(count, name) for name in _COUNTS})
        for ignored in receipt.ignored:
            self.ignored[ignored.kind] += ignored.count
        for product in receipt.uncoded_products:
            known = self.uncoded.setdefault((product.system, product.code), [product.display, 0])
            known[1] += product.count
        for rejection in receipt.rejections:
            entry = None if rejection.entry == _WHOLE_DOCUMENT else rejection.entry
            self.dead_letters[line, entry, rejection.code, rejection.reason] += 1
        for written in receipt.event_positions:
            highest = self.event_positions.get(written.partition, -1)
            self.event_positions[written.partition] = max(highest, written.offset)
        self.patients.update(receipt.patients)

    @property
    def balanced(self) -> bool:
        """Whether every entry read is accounted for."""
        return not self.not_sent and all(
            counts["read"] == counts["stored"] + counts["unchanged"] + counts["dead_letter"]
            for counts in self.resources.values()
        )

    def document(self, file: str | None, findings: dict[str, Any] | None) -> dict[str, Any]:
        """Return the answer of `rxguard ingest --json`; `findings` is None where the monitor was not waited for."""
        return {
            "format": 1,
            "file": file,
            "bundles": self.bundles,
            "resources": {
                kind: {name: counts[name] for name in _COUNTS} for kind, counts in sorted(self.resources.items())
            },
            "ignored_resources": dict(sorted(self.ignored.items())),
            "uncoded_products": [
                {"system": system or None, "code": code or None, "display": display or None, "count": count}
                for (system, code), (display, count) in sorted(
                    self.uncoded.items(), key=lambda item: (-item[1][1], item[0])
                )
            ],
            "dead_letters": [
                {"line": line, "entry": entry, "code": code, "reason": reason, "count": count}
                for (line, entry, code, reason), count in sorted(
                    self.dead_letters.items(), key=lambda item: (item[0][0], item[0][1] or 0)
                )
            ],
            "findings": findings,
            "balanced": self.balanced,
        }


async def ingest(
    connection: Connection,
    lines: str | Iterable[bytes],
    *,
    source: str | None = None,
    site: str | None = None,
    wait: bool = True,
    progress: Progress = silent,
    stall_seconds: float = STALL_SECONDS,
) -> dict[str, Any]:
    """Send the lines of a file (by its name) or of memory; wait for each receipt and, with `wait`, for the monitor.

    Returns the document of `rxguard ingest --json`. Raises InvalidInput FILE_UNREADABLE, and DependencyUnavailable if
    Kafka or a service is not there or comes no further for `stall_seconds`.
    """
    connection.target("prescriptions")  # refuse before anything is written, not after
    account = Account()
    with_headers = partial(headers, source=source, site=site)
    with open_records(lines) if isinstance(lines, str) else nullcontext(records_of(lines)) as records:
        sent = await send(connection, account.reading(records), with_headers, progress)
    take = partial(account.add, sent)
    await collect_receipts(connection, sent, take, progress=progress, stall_seconds=stall_seconds)
    findings = None
    if wait:
        wanted = await _to_be_checked(connection, account)
        await until_checked(connection, wanted, progress=progress, stall_seconds=stall_seconds)
        findings = counted(await current_sets(connection), account.patients)
    return account.document(lines if isinstance(lines, str) else None, findings)


async def _to_be_checked(connection: Connection, account: Account) -> dict[int, int]:
    """Return the last offset of each partition of the medication events that the monitor has to pass.

    Entries that were held already were published before: with them, all that is published now has to be passed.
    """
    if not any(counts["unchanged"] for counts in account.resources.values()):
        return account.event_positions
    published = (await extents(connection))[EVENTS]
    return {partition: extent.end - 1 for partition, extent in published.items() if extent.end > extent.begin}
