"""The patches of aiokafka: a closed connection raises KafkaConnectionError, on uvloop too."""

import asyncio
import socket
import struct
from types import SimpleNamespace

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest
from rx_runtime.kafka import aiokafka_patches
from structlog.testing import capture_logs

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: to close is to reset
_SENT_AFTER_IT = 50


async def broker(reader, writer):
    """Answer the first request, which versions there are of what, and reset the connection."""
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    request = await reader.readexactly(size)
    answer = request[4:8] + struct.pack(">hihhh", 0, 1, 18, 0, 0)
    writer.write(struct.pack(">i", len(answer)) + answer)
    await asyncio.sleep(0.02)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def errors_after_a_reset():
    """What the client is told while it goes on sending over a connection that its peer has reset."""
    aiokafka_patches.apply()
    told = []
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    connection = await create_conn(*server.sockets[0].getsockname(), request_timeout_ms=1_000)
    async with asyncio.timeout(10):
        while len(told) < _SENT_AFTER_IT:
            try:
                answer = asyncio.ensure_future(connection.send(ApiVersionRequest()))
                answer.add_done_callback(lambda one: one.cancelled() or one.exception())
            except Exception as error:  # noqa: BLE001  # whatever it is
                told.append(error)
            await asyncio.sleep(0)
    connection.close()
    server.close()
    return told


@pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_connection_that_was_reset_is_a_connection_error(loop_factory):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        told = runner.run(errors_after_a_reset())
    assert {type(error) for error in told} == {KafkaConnectionError}


@pytest.fixture
def unpatched(monkeypatch):
    """aiokafka as it is installed, and `apply` as if it had not been called."""
    send = AIOKafkaConnection.send
    monkeypatch.setattr(AIOKafkaConnection, "send", getattr(send, "__wrapped__", send))
    aiokafka_patches.apply.cache_clear()
    yield monkeypatch
    aiokafka_patches.apply.cache_clear()


@pytest.mark.usefixtures("unpatched")
def test_the_patches_are_applied_once_and_only_when_asked_for():
    before = AIOKafkaConnection.send
    aiokafka_patches.apply()
    patched = AIOKafkaConnection.send
    aiokafka_patches.apply()
    assert patched is not before
    assert AIOKafkaConnection.send is patched


@pytest.mark.usefixtures("unpatched")
def test_the_locked_aiokafka_is_the_tested_one():
    with capture_logs() as logged:
        aiokafka_patches.apply()
    assert logged == []


def test_another_version_of_aiokafka_is_logged(unpatched):
    logged = []
    # Not capture_logs: a service configured earlier in the run may have set another level.
    log = SimpleNamespace(warning=lambda event, **fields: logged.append((event, fields["tested"])))
    unpatched.setattr(aiokafka_patches, "log", log)
    unpatched.setattr(aiokafka_patches, "TESTED_VERSION", "0.0.1")
    aiokafka_patches.apply()
    assert logged == [("aiokafka_version_untested", "0.0.1")]
