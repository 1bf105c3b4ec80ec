"""Decisions of the service, without I/O."""
