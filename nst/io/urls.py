"""Redaction of URLs: passwords, tokens and signatures are neither shown nor stored."""

from __future__ import annotations

import hashlib
import os
import re

#: `user:password@`, and query parameters with credentials: signatures of AWS, Google, CloudFront, Azure; tokens, keys.
_USER = re.compile(r"(\w+://)[^/?#\s|]*@")
_PARAMETER = re.compile(
    r"([?&;](?:x-amz-[\w-]+|x-goog-[\w-]+|awsaccesskeyid|googleaccessid|signature|expires|policy|key-pair-id|sig"
    r"|[\w-]*(?:token|secret|passwd|password|credentials?)|(?:api|access|subscription)[_-]?key|auth|authorization)=)"
    r"[^&;#\s|]*",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """A URL, or a text with URLs, with `***` in place of credentials; any other text unchanged.

    URLs with the same redacted form are treated as the same image, because a URL may be signed again.
    """
    if "://" not in text:
        return text
    return _PARAMETER.sub(r"\1***", _USER.sub(r"\1***@", text))


def pass_secrets(url: str) -> None:
    """Pass the credentials of a URL to child processes, in an environment variable (see `unredacted`)."""
    if (shown := redacted(url)) != url:
        os.environ[_variable(shown)] = url


def unredacted(url: str) -> str:
    """The URL with the credentials that a parent process passed; unchanged if there are none."""
    return os.environ.get(_variable(url), url)


def _variable(shown: str) -> str:
    return f"URL_{hashlib.sha256(shown.encode()).hexdigest()[:16]}"
