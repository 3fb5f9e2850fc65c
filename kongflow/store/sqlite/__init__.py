"""The SQLite dialect: one writer thread a process, BEGIN IMMEDIATE, WAL."""
