def greet(payload):
    """Say hello."""
