"""Checks that Faust took our settings, before it reads a single event."""

from collections.abc import Mapping
from typing import Any

from faust.app.base import App
from faust.assignor.partition_assignor import PartitionAssignor
from rx_runtime.errors import RefusedToRun


def check_settings(app: App, required: Mapping[str, Any]) -> None:
    """Raise RefusedToRun FAUST_SETTING if Faust has another value than the guarantees require."""
    for name, value in required.items():
        actual = getattr(app.conf, name)
        if getattr(actual, "value", actual) != value:
            raise RefusedToRun(
                "FAUST_SETTING",
                f"Faust's {name} is {actual!r}, must be {value!r}; it reads the environment: "
                f"`unset {_variable(app, name)}` and start again",
            )


def check_assignor(app: App, used: object) -> None:
    """Raise RefusedToRun FAUST_ASSIGNOR unless the group is joined with Faust's own partition assignor.

    Another assignor could assign partitions in a rebalance that another member still owns.
    """
    if used is not app.assignor or type(used) is not PartitionAssignor:
        raise RefusedToRun(
            "FAUST_ASSIGNOR",
            f"Faust would assign partitions with {used!r}, not with its own assignor; "
            "`pip install --require-hashes -r requirements.lock` installs the tested release",
        )


def _variable(app: App, name: str) -> str:
    """Return the environment variable from which Faust reads the setting."""
    variable = str(app.conf.SETTINGS[name].env_name)
    prefix = app.conf.env_prefix
    return f"{prefix.rstrip('_')}_{variable}" if prefix else variable
