"""Products that hide an antagonist."""
