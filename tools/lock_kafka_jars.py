"""Recompute the pinned list of Kafka's jars: `python tools/lock_kafka_jars.py` (needs the network).

The logging binding is taken by itself: resolved together with Kafka it would change Kafka's own versions.
"""

import tempfile
from pathlib import Path
from typing import Any

from jgo.maven import MavenContext, PythonResolver
from rx_embedded.jars import LOCK, sha256_of

KAFKA = "org.apache.kafka:kafka_2.13:4.2.1"
LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4")
HEAD = "# Kafka 4.2.1 and its logging, written by tools/lock_kafka_jars.py. Verified before every use.\n"


def line(artifact: Any) -> str:  # noqa: ANN401  # jgo ships no types
    """One line of the list; downloads the jar."""
    digest = sha256_of(Path(artifact.resolve()))
    return f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} sha256:{digest}\n"


def main() -> None:
    """Write the list beside the module that reads it."""
    with tempfile.TemporaryDirectory() as cache:
        context = MavenContext(repo_cache=Path(cache), resolver=PythonResolver())
        roots, transitive = context.resolver.resolve([context.create_dependency(KAFKA)])
        group, name, version = LOGGING
        logging_binding = context.project(group, name).at_version(version).artifact()
        lines = [line(dependency.artifact) for dependency in (*roots, *transitive)]
        LOCK.write_text(HEAD + "".join([*lines, line(logging_binding)]))
    print(f"{len(lines) + 1} jars in {LOCK}")


if __name__ == "__main__":
    main()
