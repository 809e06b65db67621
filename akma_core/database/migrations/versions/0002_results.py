"""A caller's own words with a render, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add columns; rows of before have NULL in them."""
    op.add_column("akma_renders", sa.Column("metadata", sa.Text))
    op.add_column("akma_renders", sa.Column("video_bytes", sa.BigInteger))
    op.add_column("akma_renders", sa.Column("video_sha256", sa.Text))
    op.add_column("akma_segments", sa.Column("bytes", sa.BigInteger))
    op.add_column("akma_segments", sa.Column("sha256", sa.Text))
