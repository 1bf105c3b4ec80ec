"""Compounding requests and batch records."""
