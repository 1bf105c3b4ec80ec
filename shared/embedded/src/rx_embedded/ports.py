"""Loopback ports for servers that are started later."""

import contextlib
import errno
import random
import socket

HOST = "127.0.0.1"

_LISTEN_RANGE = range(10240, 32768)
"""Below the ports that Linux, macOS and Windows give to outgoing connections: none of those can take one between
the choice and the start of its server."""


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that are free at this moment, drawn at random. Raises OSError when none is."""
    with contextlib.ExitStack() as probes:
        ports: list[int] = []
        for port in random.SystemRandom().sample(_LISTEN_RANGE, len(_LISTEN_RANGE)):
            probe = probes.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                ports.append(port)
            if len(ports) == count:
                return ports
        raise OSError(errno.EADDRINUSE, f"no {count} free ports on {HOST}")
