"""Formats: findings for programs, one format a file."""
