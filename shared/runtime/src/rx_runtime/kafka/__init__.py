"""Kafka: clients, topics, header names and patches of the client library."""
