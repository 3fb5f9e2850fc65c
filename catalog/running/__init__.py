"""Runs: created for an event, started when their queue has room, carried from call to call to their end."""
