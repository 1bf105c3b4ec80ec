"""Ports: none. A plan depends on the request and on figures alone."""
