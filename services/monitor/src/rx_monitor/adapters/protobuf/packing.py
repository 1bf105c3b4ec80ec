"""Packs events for the state: text that most events share is not stored with each.

A packed event is its key (16 bytes), then the rest of the encoded event as a Zstandard frame without its magic number,
compressed against a fixed dictionary: 300 bytes become 100. The key is not compressed, so that `may_contain` finds it
in a state without unpacking anything.
"""

import threading
from importlib import resources

import zstandard

KEY_BYTES = 16
_KEY_FIELD = b"\x0a\x10"  # tag and length of `event_key`, the first field of every event
_LEVEL = 3

_DICTIONARY = zstandard.ZstdCompressionDict(
    resources.files(__package__).joinpath("packing.zstd-dictionary").read_bytes()
)
_DICTIONARY.precompute_compress(level=_LEVEL)
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    _LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=True, write_dict_id=False
)


class _Zstandard(threading.local):
    """Compressor and decompressor of each thread: zstandard's are not thread-safe."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(dict_data=_DICTIONARY, compression_params=_PARAMETERS).compress
        self.decompress = zstandard.ZstdDecompressor(
            dict_data=_DICTIONARY, format=zstandard.FORMAT_ZSTD1_MAGICLESS
        ).decompress


_ZSTANDARD = _Zstandard()


def pack(content: bytes) -> bytes:
    """Pack an encoded event; equal events give equal bytes. Raises ValueError unless it begins with a 16-byte key."""
    if not content.startswith(_KEY_FIELD):
        raise ValueError("an event does not begin with a key of 16 bytes")
    begin = len(_KEY_FIELD) + KEY_BYTES
    return content[len(_KEY_FIELD) : begin] + _ZSTANDARD.compress(content[begin:])


def unpack(packed: bytes) -> bytes:
    """Return the encoded event. Raises zstandard.ZstdError if it was packed in another way or is truncated."""
    return _KEY_FIELD + packed[:KEY_BYTES] + _ZSTANDARD.decompress(packed[KEY_BYTES:])


def may_contain(encoded: bytes, key: bytes) -> bool:
    """Return False only if no packed event of the encoded state has this key. A match may be a coincidence."""
    return key in encoded
