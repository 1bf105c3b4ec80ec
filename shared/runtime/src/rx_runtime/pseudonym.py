"""Compute the pseudonym that replaces a patient identifier behind the edge."""

import hashlib
import hmac

PSEUDONYM_BYTES = 16


def pseudonym(key: bytes, namespace: str, value: str) -> bytes:
    """Return HMAC-SHA-256 of namespace, a zero byte as separator, and value, cut to 16 bytes. `key` has 32 bytes."""
    message = namespace.encode() + b"\0" + value.encode()
    return hmac.digest(key, message, hashlib.sha256)[:PSEUDONYM_BYTES]
