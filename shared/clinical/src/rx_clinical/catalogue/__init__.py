"""The sourced tables, and what a medicine is by them: drugs, products, names, roles, policy."""
