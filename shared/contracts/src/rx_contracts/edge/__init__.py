"""The edge event: the public contract of what a pharmacy system sends."""
