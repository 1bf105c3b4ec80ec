"""Telemetry of a service: metrics and logs."""
