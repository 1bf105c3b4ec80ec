"""Create the tables of finding sets, alerts, their history and the outbox."""

from alembic import op

revision = "0001"
down_revision = None

_UP = (
    """
    CREATE TABLE finding_sets (
        patient bytea PRIMARY KEY CHECK (octet_length(patient) = 16),
        ruleset_seq bigint NOT NULL,
        ruleset_version text NOT NULL,
        position bigint NOT NULL,
        encoded bytea NOT NULL
    )
    """,
    """
    CREATE TABLE alerts (
        alert_id uuid PRIMARY KEY,
        revision integer NOT NULL CHECK (revision > 0),
        patient bytea NOT NULL CHECK (octet_length(patient) = 16),
        kind text NOT NULL CHECK (kind IN ('antagonist_course', 'interaction', 'data')),
        subject text NOT NULL,
        state text NOT NULL CHECK (state IN ('open', 'resolved')),
        severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),
        lines bytea[] NOT NULL CHECK (cardinality(lines) > 0),
        opened_time timestamptz NOT NULL,
        resolved_time timestamptz CHECK ((resolved_time IS NULL) = (state = 'open')),
        resolution text NOT NULL,
        ruleset_seq bigint NOT NULL,
        ruleset_version text NOT NULL
    )
    """,
    # One open alert for each course, whoever writes and however often.
    "CREATE UNIQUE INDEX one_open_alert_per_subject ON alerts (patient, kind, subject) WHERE state = 'open'",
    "CREATE INDEX alerts_worst_first ON alerts (state, severity DESC, opened_time DESC, alert_id)",
    """
    CREATE TABLE alert_history (
        alert_id uuid NOT NULL REFERENCES alerts,
        revision integer NOT NULL,
        change text NOT NULL CHECK (change IN ('opened', 'changed', 'resolved')),
        time timestamptz NOT NULL,
        event json NOT NULL,
        PRIMARY KEY (alert_id, revision)
    )
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'alert_history is append-only';
    END $$
    """,
    """
    CREATE TRIGGER alert_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alert_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE outbox (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        partition integer NOT NULL,
        alert_id uuid NOT NULL,
        revision integer NOT NULL,
        FOREIGN KEY (alert_id, revision) REFERENCES alert_history
    )
    """,
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("alerts are never thrown away: restore a backup instead")
