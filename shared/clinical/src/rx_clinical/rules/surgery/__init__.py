"""Planned procedures under an antagonist."""
