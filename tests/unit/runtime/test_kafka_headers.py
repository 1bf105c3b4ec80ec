"""Every header name is written once; readers and writers share the constant."""

import re
from pathlib import Path

from rx_ingest import envelope
from rx_runtime.kafka import headers

from bench import join

ROOT = Path(__file__).resolve().parents[3]
NAMES = {
    value
    for value in vars(headers).values()
    if isinstance(value, str) and re.fullmatch(r"(rx-|ce_)[a-z0-9-]+|content-type", value)
}
EXCEPT = {
    "bench/join.py",  # its constant is compared below
    "shared/ingest/src/rx_ingest/envelope.py",  # beside the runtime, not above it: compared below
    "shared/runtime/src/rx_runtime/grpc_server.py",  # `rx-reason` of gRPC metadata
    "shared/runtime/src/rx_runtime/kafka/headers.py",
}


def test_a_header_name_is_a_string_in_one_module():
    sources = [path for folder in ("shared", "services", "cli", "bench") for path in (ROOT / folder).rglob("*.py")]
    assert len(NAMES) == 19
    repeated = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        if str(path.relative_to(ROOT)) not in EXCEPT
        for name in NAMES
        if f'"{name}"' in path.read_text(encoding="utf-8")
    }
    assert repeated == set()


def test_the_bench_engines_read_the_header_that_the_service_writes():
    assert join.EVENT_CLASS == headers.EVENT_CLASS


def test_the_envelope_reads_headers_that_the_senders_write():
    assert envelope._READ_HEADERS < NAMES
