"""Ports for servers that are started later."""

import socket

from rx_embedded.ports import HOST, free_ports

FIRST_OUTGOING = 32768
"""Linux gives outgoing connections ports from here on, macOS and Windows higher ones."""


def test_ports_are_distinct_and_never_one_that_an_outgoing_connection_can_take():
    ports = free_ports(200)

    assert len(set(ports)) == 200
    assert max(ports) < FIRST_OUTGOING


def test_a_port_that_is_listened_on_is_not_given(monkeypatch):
    (port,) = free_ports(1)
    monkeypatch.setattr("rx_embedded.ports._LISTEN_RANGE", range(port, port + 3))
    with socket.socket() as server:
        server.bind((HOST, port))

        assert port not in free_ports(2)
