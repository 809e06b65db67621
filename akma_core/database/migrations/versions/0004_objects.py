"""Size and SHA-256 of every stored object of a render."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Text

revision = "0004"
down_revision = "0003"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create a table; the columns that were meant for checksums of chunks were never written."""
    op.drop_column("akma_segments", "bytes")
    op.drop_column("akma_segments", "sha256")
    op.create_table(
        "akma_objects",
        Column("render", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("bytes", sa.BigInteger, nullable=False),
        Column("sha256", Text, nullable=False),
    )
