"""The pseudonym that stands for a patient behind the edge."""

import hashlib
import hmac

PSEUDONYM_BYTES = 16


def pseudonym(key: bytes, namespace: str, value: str) -> bytes:
    """Keyed hash (HMAC-SHA-256, first 16 bytes) of a patient identifier; the zero byte keeps the two parts apart."""
    message = namespace.encode() + b"\0" + value.encode()
    return hmac.digest(key, message, hashlib.sha256)[:PSEUDONYM_BYTES]
