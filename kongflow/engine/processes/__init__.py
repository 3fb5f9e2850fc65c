"""Processes: `kongflow run --processes`, a supervisor with one runner per process."""
