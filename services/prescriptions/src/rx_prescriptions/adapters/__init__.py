"""Kafka, PostgreSQL and gRPC, and the only place that knows protobuf."""
