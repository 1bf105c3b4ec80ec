"""Events packed for the state: what most of them say alike is not kept with each.

A packed event is its key, 16 bytes, then the rest of the encoded event as raw deflate against a fixed dictionary: 300
bytes become 100. The key stands open, so that it is found in a state without unpacking anything.
"""

import zlib

from rx_monitor.adapters.packing_dictionary import DICTIONARY

KEY_BYTES = 16
_KEY_FIELD = b"\x0a\x10"  # tag and length of `event_key`, the first field of every event
_WINDOW_BITS = -13  # raw deflate; the window holds the dictionary
_LEVEL, _MEMORY_LEVEL = 3, 5  # a state is written for every relevant event: time matters more than the last tenth

# To copy an object that has taken the dictionary in is several times faster than to have each event take it in.
_PACKER = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
_UNPACKER = zlib.decompressobj(_WINDOW_BITS, DICTIONARY)


def pack(content: bytes) -> bytes:
    """An encoded event packed; equal events, equal bytes. Raises ValueError unless it begins with a key of 16 bytes."""
    if not content.startswith(_KEY_FIELD):
        raise ValueError("an event does not begin with a key of 16 bytes")
    begin = len(_KEY_FIELD) + KEY_BYTES
    packer = _PACKER.copy()
    return content[len(_KEY_FIELD) : begin] + packer.compress(content[begin:]) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """The encoded event. Raises zlib.error if it was packed in another way, ValueError if it is cut off."""
    unpacker = _UNPACKER.copy()
    content = _KEY_FIELD + packed[:KEY_BYTES] + unpacker.decompress(packed[KEY_BYTES:])
    if not unpacker.eof:
        raise ValueError("a packed event is cut off")
    return content
