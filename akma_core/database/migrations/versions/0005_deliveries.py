"""Webhooks to be delivered, with due times."""

from alembic import op
from sqlalchemy import Column, Float, Integer, Text

revision = "0005"
down_revision = "0004"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create a table."""
    op.create_table(
        "akma_deliveries",
        Column("id", Text, primary_key=True),
        Column("created", Float, nullable=False),
        Column("owner", Text, nullable=False),
        Column("url", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("render", Text),
        Column("body", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("due", Float, nullable=False),
        Column("finished", Float),
        Column("outcome", Text),
    )
    op.create_index("akma_deliveries_due", "akma_deliveries", ["status", "due"])
    op.create_index("akma_deliveries_created", "akma_deliveries", ["created", "id"])
