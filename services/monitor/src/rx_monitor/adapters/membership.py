"""Two processes with one name: the broker gives the name to the newer one, and the older one has to go.

The client does not know that error of the broker: it would join again under the same name, put the other out in its
turn, and so on for ever.
"""

import re
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from rx_runtime import kafka
from rx_runtime.errors import RefusedToRun

from rx_monitor.settings import MonitorSettings

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


async def check_not_replaced(settings: MonitorSettings, own_id: str) -> None:
    """Raise RefusedToRun MEMBER_REPLACED if the group knows this process's name under another id than `own_id`.

    Called when partitions are taken away, before the group is joined again. Without a name there is nothing to check.
    """
    if settings.member and any(id_ != own_id for id_ in await _ids_of(settings)):
        raise RefusedToRun(
            "MEMBER_REPLACED",
            f"another process has joined the group as {settings.member} and owns these partitions now; "
            "give every monitor a RXGUARD_MEMBER of its own",
        )


async def _ids_of(settings: MonitorSettings) -> list[str]:
    """Ids that the broker has given to members of that name: the name, a dash and a UUID."""
    named = re.compile(re.escape(settings.member) + "-" + _UUID)

    async def ask(admin: AIOKafkaAdminClient) -> list[str]:
        (response,) = await admin.describe_consumer_groups([settings.consumer_group])
        members: list[tuple[Any, ...]] = [member for group in response.groups for member in group[5]]
        return [id_ for id_, *_ in members if named.fullmatch(id_)]

    return await kafka.with_admin(settings.kafka, ask)
