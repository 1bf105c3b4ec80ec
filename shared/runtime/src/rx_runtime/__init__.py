"""What every RxGuard service shares: settings, Kafka, PostgreSQL, gRPC, metrics and logs."""
