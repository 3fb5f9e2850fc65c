"""Indexing: ask an endpoint what it offers, read the answer, register it."""
