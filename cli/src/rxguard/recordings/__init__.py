"""Commands that need no server: recorded events read, assessed and compared."""
