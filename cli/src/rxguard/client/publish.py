"""`rxguard publish`: writes records to the inbound topic and reports their positions."""

from functools import partial
from typing import Any

from rxguard.client.connect import Connection
from rxguard.client.delivery import send
from rxguard.client.records import headers, read_documents


async def publish(
    connection: Connection, file: str, *, source: str | None = None, site: str | None = None
) -> dict[str, Any]:
    """Write the records of a file and return once the broker has acknowledged them; what becomes of them is not asked.

    Returns the document of `rxguard publish --json`; `not_sent` are the numbers of lines that the topic does not take.
    Raises InvalidInput FILE_UNREADABLE and DependencyUnavailable.
    """
    records = read_documents(file)
    lines = await send(connection, records, partial(headers, source=source, site=site))
    positions = [
        {"line": line, "partition": partition, "offset": offset} for (partition, offset), line in lines.items()
    ]
    return {
        "format": 1,
        "file": file,
        "topic": connection.topic("rx.inbound.v1"),
        "records": sorted(positions, key=lambda record: record["line"]),
        "not_sent": [record.line for record in records if record.value is None],
    }
