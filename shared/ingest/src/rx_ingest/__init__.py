"""Reading of inbound records: one package a format, one registry, one reader."""
