"""The embedded instance: start, stop, demo, doctor, rebuild."""
