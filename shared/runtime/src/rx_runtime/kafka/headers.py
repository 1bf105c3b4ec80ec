"""Names of the Kafka record headers that RxGuard writes or reads. Values are bytes; text is UTF-8.

This module imports nothing, so that domain code and handlers may use it.
"""

# rx.medication-events.v1: what a consumer needs to skip a record without decoding it
EVENT_CLASS = "rx-class"
"""irrelevant, relevant or correction."""

EVENT_KEY = "rx-event-key"
"""Key of the event, 16 bytes, as in the record's value."""

RULESET = "rx-ruleset"
"""`ruleset_seq` of the tables that the class was derived from, decimal; absent if unknown."""

# rx.inbound.v1.dlq: why a record was refused and where it came from
REASON_CODE = "rx-reason-code"
REASON = "rx-reason"
ENTRY = "rx-entry"
REJECTIONS = "rx-rejections"
INBOUND_PARTITION = "rx-inbound-partition"
INBOUND_OFFSET = "rx-inbound-offset"
CONTENT_ENCODING = "rx-content-encoding"
CONTENT_CUT = "rx-content-cut"
CONTENT_SHA256 = "rx-content-sha256"
CONTENT_BYTES = "rx-content-bytes"

DEAD_LETTER = frozenset(
    {
        REASON_CODE,
        REASON,
        ENTRY,
        REJECTIONS,
        INBOUND_PARTITION,
        INBOUND_OFFSET,
        CONTENT_ENCODING,
        CONTENT_CUT,
        CONTENT_SHA256,
        CONTENT_BYTES,
    }
)
"""Headers of a dead letter that RxGuard sets; headers of the same names from a sender are dropped."""

# rx.inbound.v1 and rx.alerts.v1: CloudEvents 1.0, Kafka binding, binary mode
CONTENT_TYPE = "content-type"
CLOUD_EVENT_VERSION = "ce_specversion"
CLOUD_EVENT_ID = "ce_id"
CLOUD_EVENT_SOURCE = "ce_source"
CLOUD_EVENT_TYPE = "ce_type"
CLOUD_EVENT_SITE_ID = "ce_siteid"
