"""What went wrong with a call, as its caller may know it."""

from __future__ import annotations


class Problem(Exception):
    """The call is refused; the text says why, and holds nothing that is not the caller's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    @property
    def body(self) -> dict[str, str]:
        """The answer. SDKs of this protocol read `error` of some calls and `message` of others."""
        return {"error": str(self), "message": str(self)}


def not_found(what: str) -> Problem:
    """Return what is said of a row that is not there, and of one of another environment alike."""
    return Problem(404, f"{what} not found")
