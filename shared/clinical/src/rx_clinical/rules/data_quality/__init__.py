"""Records that cannot be relied on."""
