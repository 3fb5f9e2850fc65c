"""The release, as in pyproject.toml; here so that every layer may read it."""

__version__ = "0.1.0"
