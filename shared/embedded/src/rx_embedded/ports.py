"""Loopback ports for servers that are started later."""

import contextlib
import errno
import secrets
import socket
from itertools import chain

HOST = "127.0.0.1"

TRIES = 3
"""How often a server is started on other ports, if one was taken before it listened."""

_LISTEN_RANGE = range(10240, 32768)
"""Below the ports that Linux, macOS and Windows give to outgoing connections: none of those can take one between
the choice and the start of its server."""


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that are free now, from a random one on. Raises OSError when none is."""
    first = secrets.randbelow(len(_LISTEN_RANGE))
    with contextlib.ExitStack() as probes:
        ports: list[int] = []
        for port in chain(_LISTEN_RANGE[first:], _LISTEN_RANGE[:first]):
            probe = probes.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                ports.append(port)
            if len(ports) == count:
                return ports
        raise OSError(errno.EADDRINUSE, f"no {count} free ports on {HOST}")
