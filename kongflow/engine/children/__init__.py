"""Child processes for handlers with `isolation: process`: forked from a server, one job at a time, killed alone."""
