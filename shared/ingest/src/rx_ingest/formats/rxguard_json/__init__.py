"""The edge event as JSON."""
