"""Where an installation runs, and the one rule that keeps its names apart from those of others on shared servers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Installation:
    """One set of topics, consumer groups and database schemas, named with the prefix `namespace`."""

    kafka: str
    """Bootstrap servers, host:port[,host:port]."""
    namespace: str = ""
    """Lower-case letters and digits; empty = names without a prefix."""

    def topic(self, name: str) -> str:
        """Return the broker's name of a registry topic, such as `rx.findings.v1`."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def group(self, name: str) -> str:
        """Return the broker's name of a consumer group."""
        return f"{self.namespace}-{name}" if self.namespace else name

    def schema_name(self, name: str) -> str:
        """Return the database's name of a schema."""
        return f"{self.namespace}_{name}" if self.namespace else name
