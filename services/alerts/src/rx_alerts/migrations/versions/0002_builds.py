"""Add the build (state epoch) of a finding set: sets of a rebuilt monitor supersede those of earlier builds."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE finding_sets ADD COLUMN build bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    raise NotImplementedError("alerts are never thrown away: restore a backup instead")
