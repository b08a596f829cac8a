"""Sealing of values at rest (AES-256-GCM under a key ring) and keyed hashes for exact lookups.

An envelope is: version (1 byte), length of the key id (1), key id, nonce (12), ciphertext with its tag (16
more than the plaintext). Header and context are associated data, so neither a swapped key id nor a ciphertext
carried to another row or column opens.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ENVELOPE_VERSION: Final = 1
INDEX_VERSION: Final = "h1"
INDEX_LENGTH: Final = len(INDEX_VERSION) + 1 + 64

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_PURPOSE = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")


class DecryptionFailed(Exception):
    """A sealed value does not open: altered, moved to another row, or sealed with a key that is gone."""


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; the active one seals, all of them open."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str, *, setting: str = "APP_KMS_KEY") -> KeyRing:
        """Read `id:base64,id:base64` (32-byte keys, first is active).

        Raises ImproperlyConfigured, which never quotes a key.
        """
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.split(","), start=1):
            key_id, separator, encoded = entry.strip().partition(":")
            where = f"{setting}, entry {number}"
            if not separator or not _KEY_ID.fullmatch(key_id):
                raise ImproperlyConfigured(f"{where}: expected id:base64, the id of letters, digits, . _ -")
            if key_id in keys:
                raise ImproperlyConfigured(f"{where}: the key id {key_id!r} is used twice")
            keys[key_id] = _decode_key(encoded, where)
        if len(set(keys.values())) != len(keys):
            raise ImproperlyConfigured(f"{setting}: two ids hold the same key")
        return cls(active=next(iter(keys)), keys=keys)


def keyring() -> KeyRing:
    """Return the key ring of the current settings; parsed once per value of the setting."""
    return _parsed_keyring(settings.APP_KMS_KEY)


def seal(plaintext: bytes, *, context: str) -> bytes:
    """Encrypt under the active key, bound to `context`; two calls never give the same envelope."""
    ring = keyring()
    header = header_of(ring.active)
    nonce = os.urandom(_NONCE_BYTES)
    return (
        header
        + nonce
        + AESGCM(ring.keys[ring.active]).encrypt(nonce, plaintext, _associated(header, context))
    )


def open_sealed(envelope: bytes, *, context: str) -> bytes:
    """Decrypt an envelope sealed with the same context; raise `DecryptionFailed` on anything else."""
    key_id = key_id_of(envelope)
    key = keyring().keys.get(key_id)
    if key is None:
        raise DecryptionFailed(f"sealed with the key {key_id!r}, which is not on the key ring")
    header = header_of(key_id)
    nonce = envelope[len(header) : len(header) + _NONCE_BYTES]
    ciphertext = envelope[len(header) + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _associated(header, context))
    except InvalidTag:
        raise DecryptionFailed("the value was altered or belongs to another row") from None


def key_id_of(envelope: bytes) -> str:
    """Return the id of the key an envelope was sealed with; raise `DecryptionFailed` on anything else."""
    if len(envelope) < 2 or envelope[0] != ENVELOPE_VERSION:
        raise DecryptionFailed("not an envelope of a known version")
    end = 2 + envelope[1]
    if len(envelope) < end + _NONCE_BYTES + _TAG_BYTES:
        raise DecryptionFailed("the envelope is cut short")
    try:
        return envelope[2:end].decode("ascii")
    except UnicodeDecodeError:
        raise DecryptionFailed("the envelope's key id is not readable") from None


def header_of(key_id: str) -> bytes:
    """Return the bytes every envelope of a key begins with."""
    return bytes([ENVELOPE_VERSION, len(key_id)]) + key_id.encode("ascii")


def reseal(envelope: bytes, *, context: str) -> bytes:
    """Seal the same plaintext under the active key; an envelope already under it is returned as it is."""
    if key_id_of(envelope) == keyring().active:
        return envelope
    return seal(open_sealed(envelope, context=context), context=context)


def blind_index(value: str, *, purpose: str) -> str:
    """Return `h1:` and the hex HMAC-SHA256 of a value, for exact lookups on a sealed column (67 characters).

    The value is compared without case, spaces and Unicode variants; what else does not count (dots in a
    number, a country prefix) the caller takes off first. `purpose` separates columns: equal values of two
    columns have different hashes.
    """
    if not _PURPOSE.fullmatch(purpose):
        raise ValueError("a purpose is a dotted lower-case name")
    normal = "".join(unicodedata.normalize("NFKC", value).casefold().split())
    if not normal:
        raise ValueError("an empty value has no index: store NULL")
    message = b"\x00".join((INDEX_VERSION.encode(), purpose.encode(), normal.encode()))
    return (
        f"{INDEX_VERSION}:{hmac.new(_index_key(settings.APP_INDEX_KEY), message, hashlib.sha256).hexdigest()}"
    )


def _associated(header: bytes, context: str) -> bytes:
    return header + context.encode()


@lru_cache(maxsize=4)
def _parsed_keyring(text: str) -> KeyRing:
    return KeyRing.parse(text)


@lru_cache(maxsize=4)
def _index_key(text: str) -> bytes:
    return _decode_key(text, "APP_INDEX_KEY")


def _decode_key(encoded: str, where: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured(f"{where}: the key is not base64") from None
    if len(key) != _KEY_BYTES:
        raise ImproperlyConfigured(f"{where}: a key has {_KEY_BYTES} bytes, this one {len(key)}")
    return key
