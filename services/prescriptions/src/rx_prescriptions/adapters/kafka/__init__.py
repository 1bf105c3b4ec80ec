"""Kafka: the inbound consumer, the producers, and the reader of the monitor progress."""
