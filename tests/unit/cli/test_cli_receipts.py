"""Waiting for receipts, against a server whose answers are made by hand."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import pytest
from pharmacy.prescriptions.v1 import prescriptions_pb2, prescriptions_pb2_grpc
from rx_runtime.errors import DependencyUnavailable, InvalidInput
from rxguard.client.connect import Connection
from rxguard.client.delivery import collect_receipts

Positions = list[tuple[int, int]]
Answer = Callable[[Positions], Positions]


class Prescriptions(prescriptions_pb2_grpc.PrescriptionServiceServicer):
    """Has receipts for the positions that `answer` picks of those asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[int] = []

    async def ListReceipts(self, request, context):  # noqa: N802  # as generated
        positions = [(position.partition, position.offset) for position in request.positions]
        self.asked.append(len(positions))
        try:
            found = self.answer(positions)
        except ConnectionError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the store is not reachable")
        except ValueError:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "TOO_MANY: ask for fewer", (("rx-reason", "TOO_MANY"),)
            )
        return prescriptions_pb2.ListReceiptsResponse(
            receipts=[
                prescriptions_pb2.Receipt(position={"partition": partition, "offset": offset})
                for partition, offset in found
            ]
        )


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[Connection, Prescriptions]]:
    server = grpc.aio.server()
    servicer = Prescriptions(answer)
    prescriptions_pb2_grpc.add_PrescriptionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Connection("no-kafka:1", targets={"prescriptions": f"127.0.0.1:{port}"}), servicer
    finally:
        await server.stop(None)


def offsets(receipts: list[prescriptions_pb2.Receipt]) -> Positions:
    return [(receipt.position.partition, receipt.position.offset) for receipt in receipts]


async def test_every_position_is_asked_for_until_it_has_a_receipt_and_is_taken_once() -> None:
    wanted = [(number % 4, number) for number in range(2_500)]
    taken: list[prescriptions_pb2.Receipt] = []
    async with serving(lambda asked: asked[: len(asked) // 2 + 1]) as (connection, servicer):
        await collect_receipts(connection, wanted, taken.append)
    assert sorted(offsets(taken)) == sorted(wanted)
    assert max(servicer.asked) <= 5_000


async def test_positions_that_are_not_processed_yet_do_not_hold_up_the_others() -> None:
    slow_rounds = 3
    asked_slow = 0

    def slow_partition(asked: Positions) -> Positions:
        nonlocal asked_slow
        slow = [position for position in asked if position[0] == 0]
        asked_slow += bool(slow)
        return [position for position in asked if position[0] != 0 or asked_slow > slow_rounds]

    taken: list[prescriptions_pb2.Receipt] = []
    wanted = [(0, number) for number in range(1_000)] + [(1, number) for number in range(1_000)]
    async with serving(slow_partition) as (connection, _):
        await collect_receipts(connection, wanted, taken.append)
    partitions = [partition for partition, _offset in offsets(taken)]
    assert partitions == [1] * 1_000 + [0] * 1_000


async def test_a_service_that_comes_back_is_waited_for() -> None:
    failures = iter([True, True])

    def flaky(asked: Positions) -> Positions:
        if next(failures, False):
            raise ConnectionError
        return asked

    taken: list[prescriptions_pb2.Receipt] = []
    async with serving(flaky) as (connection, _):
        await collect_receipts(connection, [(0, 1)], taken.append)
    assert offsets(taken) == [(0, 1)]


async def test_a_service_that_processes_nothing_is_given_up_and_named() -> None:
    async with serving(lambda _asked: []) as (connection, _):
        with pytest.raises(DependencyUnavailable) as error:
            await collect_receipts(connection, [(0, 1)], lambda _receipt: None, stall_seconds=0.2)
    assert error.value.code == "RECEIPTS_STALLED"
    assert "rxguard status" in error.value.message


async def test_nobody_listening_is_given_up_too() -> None:
    connection = Connection("no-kafka:1", targets={"prescriptions": "127.0.0.1:1"})
    with pytest.raises(DependencyUnavailable, match="RECEIPTS_STALLED"):
        await collect_receipts(connection, [(0, 1)], lambda _receipt: None, stall_seconds=0.2)


async def test_a_refusal_of_the_service_keeps_its_own_code() -> None:
    def refuse(_asked: Positions) -> Positions:
        raise ValueError

    async with serving(refuse) as (connection, _):
        with pytest.raises(InvalidInput) as error:
            await collect_receipts(connection, [(0, 1)], lambda _receipt: None)
    assert (error.value.code, error.value.message) == ("TOO_MANY", "prescriptions answered: ask for fewer")
