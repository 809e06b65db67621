"""The tables as they were before they had versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Float, Integer, Text

revision = "0001"
down_revision = None
branch_labels = depends_on = None


def upgrade() -> None:
    """Create them in an empty database."""
    op.create_table(
        "akma_renders",
        Column("id", Text, primary_key=True),
        Column("created", Float, nullable=False),
        Column("updated", Float, nullable=False),
        Column("started", Float),
        Column("finished", Float),
        Column("owner", Text, nullable=False),
        Column("idempotency_key", Text),
        Column("fingerprint", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("stage", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("adopted", Integer, nullable=False, default=0),
        Column("settings", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("audio", Text, nullable=False),
        Column("seconds", Float, nullable=False),
        Column("frames", Integer, nullable=False),
        Column("chunks", Integer),
        Column("width", Integer),
        Column("height", Integer),
        Column("fps", Text, nullable=False),
        Column("base", sa.BigInteger, nullable=False, default=0),
        Column("sound", Integer, nullable=False, default=0),
        Column("bytes", sa.BigInteger, nullable=False, default=0),
        Column("error_code", Text),
        Column("error_message", Text),
        Column("webhook_url", Text),
        Column("webhook", Text),
        sa.UniqueConstraint("owner", "idempotency_key"),
    )
    op.create_table(
        "akma_segments",
        Column("render", Text, primary_key=True),
        Column("index", Integer, primary_key=True),
        Column("frames", Integer, nullable=False),
        Column("done", Integer, nullable=False, default=0),
        Column("whole", Integer, nullable=False, default=0),
        Column("rate", Float, nullable=False, default=0.0),
        Column("updated", Float, nullable=False, default=0.0),
        Column("worker", Text),
        Column("rendered", Integer, nullable=False, default=0),
        Column("notes", Text, nullable=False, default="[]"),
    )
    op.create_table(
        "akma_workers",
        Column("id", Text, primary_key=True),
        Column("version", Text, nullable=False),
        Column("profile", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("seen", Float, nullable=False),
        Column("frames", sa.BigInteger, nullable=False, default=0),
    )
    op.create_table(
        "akma_errands",
        Column("id", Text, primary_key=True),
        Column("created", Float, nullable=False),
        Column("kind", Text, nullable=False),
        Column("request", Text, nullable=False),
        Column("worker", Text),
        Column("answer", Text),
        Column("error_code", Text),
        Column("error_message", Text),
    )
    op.create_table(
        "akma_events",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("render", Text, nullable=False),
        Column("at", Float, nullable=False),
        Column("text", Text, nullable=False),
    )
    op.create_table("akma_facts", Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
    op.create_index("akma_renders_status", "akma_renders", ["status", "created"])
    op.create_index("akma_renders_created", "akma_renders", ["created", "id"])
    op.create_index("akma_errands_open", "akma_errands", ["worker", "created"])
    op.create_index("akma_events_render", "akma_events", ["render", "number"])
