"""Migrations: Alembic revisions with a version table of our own, which the user's Alembic never sees."""
