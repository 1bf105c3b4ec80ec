"""Events by revision, receipts of inbound records, work items for uncoded products, freshness of sources."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = (
    # Rows are written once and updated once, when they have been published: room for that update within the page.
    """
    CREATE TABLE event_revisions (
        event_key bytea NOT NULL,
        source_revision bigint NOT NULL,
        patient bytea NOT NULL,
        source text NOT NULL,
        occurred_time timestamptz NOT NULL,
        content_hash bytea NOT NULL,
        inbound_partition integer NOT NULL,
        inbound_offset bigint NOT NULL,
        inbound_entry integer NOT NULL,
        event_class text NOT NULL,
        fully_coded boolean NOT NULL,
        payload bytea NOT NULL,
        published_partition integer,
        published_offset bigint,
        PRIMARY KEY (event_key, source_revision),
        CHECK (length(event_key) = 16),
        CHECK (length(patient) = 16)
    ) WITH (fillfactor = 90)
    """,
    "CREATE INDEX event_revisions_patient ON event_revisions (patient)",
    """
    CREATE TABLE receipts (
        inbound_partition integer NOT NULL,
        inbound_offset bigint NOT NULL,
        content text NOT NULL,
        PRIMARY KEY (inbound_partition, inbound_offset)
    )
    """,
    # One item a code; a product without a code is told apart by the digest of its text, which may be too long to index.
    """
    CREATE TABLE uncoded_products (
        system text NOT NULL,
        code text NOT NULL,
        text_digest bytea NOT NULL,
        display text NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (system, code, text_digest)
    )
    """,
    "CREATE TABLE sources (source text PRIMARY KEY, newest_recorded_time timestamptz NOT NULL)",
)


def upgrade() -> None:
    for table in _TABLES:
        op.execute(table)


def downgrade() -> None:
    for table in ("sources", "uncoded_products", "receipts", "event_revisions"):
        op.execute(f"DROP TABLE {table}")
