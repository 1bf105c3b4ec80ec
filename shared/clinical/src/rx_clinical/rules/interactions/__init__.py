"""Medicines that change an opioid's level or its effect."""
