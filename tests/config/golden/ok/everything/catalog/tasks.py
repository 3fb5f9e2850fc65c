async def greet(payload, job):
    """Say hello."""


def count(payload):
    """Count."""
