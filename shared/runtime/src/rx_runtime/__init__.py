"""Everything that the RxGuard services share: settings, Kafka, PostgreSQL, gRPC, HTTP, metrics and logs."""
