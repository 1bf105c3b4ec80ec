"""What every RxGuard service shares: settings, Kafka, PostgreSQL, gRPC, metrics, logs and the embedded stack."""
