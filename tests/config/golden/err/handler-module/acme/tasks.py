def greet(payload):
    """Say hello."""


class Mail:
    """A static method of it could be a handler."""

    @staticmethod
    def send(payload: dict[str, object]) -> None:
        """Send a mail."""
