"""Identifiers that travel between services, as types of their own."""

from typing import NewType

Pseudonym = NewType("Pseudonym", bytes)
"""Keyed hash of a patient's identity, 16 bytes. Everything behind `prescriptions` knows a patient by it alone."""

EventKey = NewType("EventKey", bytes)
"""Hash of an event's source and event id, 16 bytes: equal for every revision of the event."""
