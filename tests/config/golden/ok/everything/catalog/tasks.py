async def greet(payload, job):
    """Say hello."""
