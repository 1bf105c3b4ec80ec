"""Worked timelines in YAML, run against the clinical core."""
