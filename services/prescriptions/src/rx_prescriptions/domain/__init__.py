"""What is decided about inbound records, without any I/O."""
