"""What Faust must have made of our settings before it reads a single event."""

from collections.abc import Mapping
from typing import Any

from faust.app.base import App
from faust.assignor.partition_assignor import PartitionAssignor
from rx_runtime.errors import RefusedToRun


def check_settings(app: App, wanted: Mapping[str, Any]) -> None:
    """Raise RefusedToRun FAUST_SETTING if Faust took another value than the guarantees rest on."""
    for name, value in wanted.items():
        found = getattr(app.conf, name)
        if getattr(found, "value", found) != value:
            raise RefusedToRun(
                "FAUST_SETTING",
                f"Faust's {name} is {found!r}, must be {value!r}; it reads the environment: "
                f"`unset {_variable(app, name)}` and start again",
            )


def check_assignor(app: App, used: object) -> None:
    """Raise RefusedToRun FAUST_ASSIGNOR unless the group is joined with Faust's own partition assignor.

    A worker with another one could be given partitions that somebody else still holds.
    """
    if used is not app.assignor or type(used) is not PartitionAssignor:
        raise RefusedToRun(
            "FAUST_ASSIGNOR",
            f"Faust would share partitions out with {used!r}, not with its own assignor; "
            "`pip install --require-hashes -r requirements.lock` installs the release that was tried",
        )


def _variable(app: App, name: str) -> str:
    """The environment variable that Faust reads the setting from."""
    variable = str(app.conf.SETTINGS[name].env_name)
    prefix = app.conf.env_prefix
    return f"{prefix.rstrip('_')}_{variable}" if prefix else variable
