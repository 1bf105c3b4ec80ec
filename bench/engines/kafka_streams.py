"""Kafka Streams with two threads, built from `bench/kafka-streams`: `python -m bench.engines.kafka_streams STORE`.

STORE is `rocksdb` or `memory`; the environment names where it was built.
"""

import os
import shutil
import sys

from bench.protocol import job

FOLDER_VARIABLE = "BENCH_KAFKA_STREAMS"
_JVM = ("-Xms1g", "-Xmx2g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def main() -> None:
    """Become the Java program."""
    given, folder = job(), os.environ[FOLDER_VARIABLE]
    java = shutil.which("java") or "java"
    arguments = [given.kafka, given.events_topic, given.output_topic, given.group, given.folder, sys.argv[1]]
    ends = ",".join(str(end) for end in given.ends)
    classes = f"{folder}/classes:{folder}/lib/*"
    os.execv(java, [java, *_JVM, "-cp", classes, "bench.Main", *arguments, ends])  # noqa: S606  # no shell wanted


if __name__ == "__main__":
    main()
