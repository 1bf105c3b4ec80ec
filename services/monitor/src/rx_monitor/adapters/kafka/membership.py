"""Members of the monitors' consumer group, and fencing of a static member by another process of the same name.

With static membership (a `group.instance.id`, here RXGUARD_MEMBER) the broker gives the name to the newer process and
fences the older one. aiokafka does not know that error (FENCED_INSTANCE_ID) and would rejoin under the same name, fence
the other in turn, and so on forever. So the older process has to detect it and end.
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


class GroupMember(NamedTuple):
    """A process in the consumer group, as the broker knows it."""

    id: str
    """Member id; of a static member its name, a dash and a UUID."""
    host: str


async def group_members(installation: Installation) -> list[GroupMember]:
    """Return the members of the monitors' group, by id. Raises DependencyUnavailable GROUP_NOT_KNOWN."""
    group = installation.group(CONSUMER_GROUP)

    async def describe(admin: AIOKafkaAdminClient) -> list[GroupMember]:
        for _ in range(_COORDINATOR_TRIES):
            with suppress(GroupCoordinatorNotAvailableError):
                (response,) = await admin.describe_consumer_groups([group])
                ((error, _, _, _, _, members, *_),) = response.groups
                if not error:
                    return sorted(GroupMember(id_, host.lstrip("/")) for id_, _, host, *_ in members)
            await asyncio.sleep(_COORDINATOR_RETRY_SECONDS)  # a broker that has just started still loads its groups
        raise DependencyUnavailable("GROUP_NOT_KNOWN", f"the broker does not describe the group {group}; try again")

    return await clients.with_admin(installation.kafka, describe)


async def check_not_fenced(installation: Installation, member: str, own_id: str) -> None:
    """Raise RefusedToRun MEMBER_REPLACED if the group knows static member `member` under another id than `own_id`.

    Call when partitions are revoked, before the group is rejoined. Does nothing for a dynamic member (`member` empty).
    """
    if not member:
        return
    member_id = re.compile(re.escape(member) + "-" + _UUID)
    members = await group_members(installation)
    if any(member_id.fullmatch(found.id) and found.id != own_id for found in members):
        raise RefusedToRun(
            "MEMBER_REPLACED",
            f"another process has joined the group as {member} and owns these partitions now; "
            "give every monitor a RXGUARD_MEMBER of its own",
        )
