"""A connection that ends is told to the Kafka client in the way that it expects, on the loop of the services too."""

import asyncio
import socket
import struct

import pytest
import uvloop
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest
from rx_runtime.kafka import aiokafka_patches

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
