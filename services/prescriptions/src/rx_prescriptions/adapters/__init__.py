"""Kafka, PostgreSQL and gRPC: everything that knows a transport or protobuf."""
