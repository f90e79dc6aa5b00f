"""Where a page of a list ended, told to the caller in a way that shows and takes no value of a record."""

import base64
import os
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

from clinic_api.errors import Invalid

NONCE = 12  # bytes


class Cursors:
    """Seals and opens cursors (AES-256-GCM). The first secret seals; older ones still open."""

    def __init__(self, *secrets: str) -> None:
        self.keys = [AESGCM(sha256(f"clinic-api cursor {secret}".encode()).digest()) for secret in secrets]

    def seal(self, place: list[Any], belongs_to: bytes) -> str:
        """This place as a text that `open` understands only for the same list and person, `belongs_to`."""
        nonce = os.urandom(NONCE)
        return spelled(nonce + self.keys[0].encrypt(nonce, to_json(place), belongs_to))

    def open(self, cursor: str, belongs_to: bytes) -> list[Any]:
        """Raises Invalid for what is no cursor of this list and person."""
        for key in self.keys:
            try:
                sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
                if spelled(sealed) != cursor:
                    break
                place: list[Any] = from_json(key.decrypt(sealed[:NONCE], sealed[NONCE:], belongs_to))
                return place
            except (InvalidTag, ValueError):
                continue
        raise Invalid("cursor", "must come from the Link header of this very list, filter and sort", "cursor")


def spelled(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")
