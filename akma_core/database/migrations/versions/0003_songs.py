"""Songs that were uploaded by themselves, and files beside a render's song."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Float, Integer, Text

revision = "0003"
down_revision = "0002"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create a table and add a column, which is NULL in rows of before."""
    op.create_table(
        "akma_songs",
        Column("owner", Text, primary_key=True),
        Column("id", Text, primary_key=True),
        Column("created", Float, nullable=False),
        Column("used", Float, nullable=False),
        Column("name", Text, nullable=False),
        Column("audio", Text, nullable=False),
        Column("bytes", sa.BigInteger, nullable=False),
        Column("duration", Float, nullable=False),
        Column("sample_rate", Integer, nullable=False),
        Column("channels", Integer, nullable=False),
    )
    op.create_index("akma_songs_created", "akma_songs", ["created", "id"])
    op.create_index("akma_songs_id", "akma_songs", ["id"])
    op.add_column("akma_renders", Column("files", Text))
