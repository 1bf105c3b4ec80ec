"""Who is in the monitors' group, and what becomes of two processes with one name.

The broker gives the name to the newer one, and the older one has to go: the client does not know that error of the
broker, would join again under the same name, put the other out in its turn, and so on for ever.
"""

import asyncio
import re
from contextlib import suppress
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from rx_runtime.errors import DependencyUnavailable, RefusedToRun
from rx_runtime.installation import Installation
from rx_runtime.kafka import clients

from rx_monitor.settings import CONSUMER_GROUP

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_COORDINATOR_TRIES = 75
_COORDINATOR_RETRY_SECONDS = 0.2


class Member(NamedTuple):
    """A process in the group, as the broker knows it."""

    id: str  # of a named one: its name, a dash and a UUID
    host: str


async def members(installation: Installation) -> list[Member]:
    """The members of the monitors' group, by id. Raises DependencyUnavailable GROUP_NOT_KNOWN."""
    group = installation.group(CONSUMER_GROUP)

    async def ask(admin: AIOKafkaAdminClient) -> list[Member]:
        for _ in range(_COORDINATOR_TRIES):
            with suppress(GroupCoordinatorNotAvailableError):
                (response,) = await admin.describe_consumer_groups([group])
                ((error, _, _, _, _, found, *_),) = response.groups
                if not error:
                    return sorted(Member(id_, host.lstrip("/")) for id_, _, host, *_ in found)
            await asyncio.sleep(_COORDINATOR_RETRY_SECONDS)  # a broker that has just started still reads its groups
        raise DependencyUnavailable(
            "GROUP_NOT_KNOWN", f"the broker does not say who is in the group {group}; try again"
        )

    return await clients.with_admin(installation.kafka, ask)


async def check_not_replaced(installation: Installation, member: str, own_id: str) -> None:
    """Raise RefusedToRun MEMBER_REPLACED if the group knows this process's name under another id than `own_id`.

    Called when partitions are taken away, before the group is joined again. Without a name there is nothing to check.
    """
    if not member:
        return
    named = re.compile(re.escape(member) + "-" + _UUID)
    if any(named.fullmatch(one.id) and one.id != own_id for one in await members(installation)):
        raise RefusedToRun(
            "MEMBER_REPLACED",
            f"another process has joined the group as {member} and owns these partitions now; "
            "give every monitor a RXGUARD_MEMBER of its own",
        )
