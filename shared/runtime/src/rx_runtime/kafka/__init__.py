"""Kafka: clients, topics, headers and the patches of the client library."""
