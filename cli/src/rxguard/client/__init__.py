"""What the program asks and sends an installation over Kafka and gRPC."""
