"""URLs as they may be shown and stored: without passwords, tokens and signatures."""

from __future__ import annotations

import hashlib
import os
import re

#: `user:password@`, and parameters of a query that let in: signatures of AWS, Google, CloudFront, Azure; tokens, keys.
_USER = re.compile(r"(\w+://)[^/?#\s|]*@")
_PARAMETER = re.compile(
    r"([?&;](?:x-amz-[\w-]+|x-goog-[\w-]+|awsaccesskeyid|googleaccessid|signature|expires|policy|key-pair-id|sig"
    r"|[\w-]*(?:token|secret|passwd|password|credentials?)|(?:api|access|subscription)[_-]?key|auth|authorization)=)"
    r"[^&;#\s|]*",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """A URL, or a text with URLs in it, with `***` for what lets in; any other text as it is.

    Two URLs that differ in nothing else are of one picture: a URL that was signed again is the same picture.
    """
    if "://" not in text:
        return text
    return _PARAMETER.sub(r"\1***", _USER.sub(r"\1***@", text))


def hide(address: str) -> None:
    """Let the commands that this process starts know what `redacted` leaves out of a URL: see `whole`."""
    if (shown := redacted(address)) != address:
        os.environ[_variable(shown)] = address


def whole(address: str) -> str:
    """The URL that was hidden by a process that started this one; one that was not, as it is."""
    return os.environ.get(_variable(address), address)


def _variable(shown: str) -> str:
    return f"ADDRESS_{hashlib.sha256(shown.encode()).hexdigest()[:16]}"
