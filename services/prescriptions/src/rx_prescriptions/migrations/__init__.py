"""Alembic scripts of the schema `prescriptions`."""
