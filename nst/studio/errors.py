"""Errors of requests. The app answers each with a status and one message."""

from nst.errors import NstError


class NotFound(NstError):  # noqa: N818 - the name of the status
    """There is no such thing, or it belongs to another session."""

    def __init__(self, message: str = "there is nothing here, or it belongs to someone else"):
        super().__init__(message)


class BusyError(NstError):
    """Too many requests of this kind are in progress; later there may be room."""


class Conflict(NstError):  # noqa: N818
    """The request does not fit the state of the run."""
