"""`python -m rx_runtime.probe HOST:PORT`: is the service there ready? For health checks of containers.

Exit 0 if its gRPC health answers SERVING, 1 if it answers anything else or nothing, 2 if it was called wrongly.
"""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_SECONDS = 3.0
_CALLED_WITH = 2  # the module and the address


def main(arguments: list[str]) -> int:
    """Ask once; says on stderr what it met if that is not SERVING."""
    if len(arguments) != _CALLED_WITH:
        sys.stderr.write("usage: python -m rx_runtime.probe HOST:PORT\n")
        return 2
    met = status(arguments[1])
    if met == "SERVING":
        return 0
    sys.stderr.write(f"{arguments[1]} answers {met}\n")
    return 1


def status(address: str) -> str:
    """What gRPC health says of the server as a whole, or the status of the failed call, as its name in capitals."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS
            )
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
