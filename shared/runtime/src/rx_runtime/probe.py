"""Check whether a service is ready: `python -m rx_runtime.probe HOST:PORT`, for health checks of containers.

Exit code 0: gRPC health answers SERVING; 1: it answers anything else or nothing; 2: wrong arguments.
"""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_SECONDS = 3.0
_ARGUMENTS = 2  # the module and the address


def main(arguments: list[str]) -> int:
    """Ask once; write the answer to stderr if it is not SERVING. Return the exit code."""
    if len(arguments) != _ARGUMENTS:
        sys.stderr.write("usage: python -m rx_runtime.probe HOST:PORT\n")
        return 2
    answer = status(arguments[1])
    if answer == "SERVING":
        return 0
    sys.stderr.write(f"{arguments[1]} answers {answer}\n")
    return 1


def status(address: str) -> str:
    """Return the name of the gRPC health of the whole server, or of the status of the failed call."""
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
