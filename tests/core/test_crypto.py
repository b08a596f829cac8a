"""Sealing, the key ring and blind indexes."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from apps.core import crypto

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()


@pytest.fixture
def old_ring(settings):
    settings.APP_KMS_KEY = f"old:{OLD}"


class TestSeal:
    def test_writes_the_documented_envelope(self, old_ring):
        envelope = crypto.seal("é".encode(), context="a.b.c:1")
        assert envelope[:5] == b"\x01\x03old"
        assert len(envelope) == 5 + 12 + 2 + 16
        opened = AESGCM(b"o" * 32).decrypt(envelope[5:17], envelope[17:], b"\x01\x03olda.b.c:1")
        assert opened == "é".encode()

    def test_never_writes_the_same_envelope_twice(self, old_ring):
        assert crypto.seal(b"x", context="c") != crypto.seal(b"x", context="c")

    @given(st.binary(max_size=300), st.text(max_size=40))
    def test_opens_again(self, plaintext, context):
        assert crypto.open_sealed(crypto.seal(plaintext, context=context), context=context) == plaintext


class TestOpenSealed:
    def test_refuses_another_context(self, old_ring):
        envelope = crypto.seal(b"x", context="patients.patient.note:1")
        with pytest.raises(crypto.DecryptionFailed):
            crypto.open_sealed(envelope, context="patients.patient.note:2")

    def test_refuses_every_flipped_bit(self, old_ring):
        envelope = crypto.seal(b"secret", context="c")
        for position in range(len(envelope)):
            for bit in range(8):
                damaged = bytearray(envelope)
                damaged[position] ^= 1 << bit
                with pytest.raises(crypto.DecryptionFailed):
                    crypto.open_sealed(bytes(damaged), context="c")

    def test_refuses_every_truncation(self, old_ring):
        envelope = crypto.seal(b"secret", context="c")
        for length in range(len(envelope)):
            with pytest.raises(crypto.DecryptionFailed):
                crypto.open_sealed(envelope[:length], context="c")

    def test_refuses_a_key_id_swapped_for_one_with_the_same_key(self, settings, old_ring):
        envelope = crypto.seal(b"x", context="c")
        settings.APP_KMS_KEY = f"two:{OLD}"
        with pytest.raises(crypto.DecryptionFailed):
            crypto.open_sealed(envelope.replace(b"old", b"two", 1), context="c")

    def test_says_which_key_is_missing(self, settings, old_ring):
        envelope = crypto.seal(b"x", context="c")
        settings.APP_KMS_KEY = f"new:{NEW}"
        with pytest.raises(crypto.DecryptionFailed, match="'old'"):
            crypto.open_sealed(envelope, context="c")

    @given(st.binary(max_size=80))
    def test_refuses_noise(self, noise):
        with pytest.raises(crypto.DecryptionFailed):
            crypto.open_sealed(noise, context="c")


class TestKeyRing:
    def test_seals_with_the_first_key_and_opens_with_all(self, settings, old_ring):
        before = crypto.seal(b"x", context="c")
        settings.APP_KMS_KEY = f"new:{NEW}, old:{OLD}"
        after = crypto.seal(b"y", context="c")
        assert (crypto.key_id_of(before), crypto.key_id_of(after)) == ("old", "new")
        assert crypto.open_sealed(before, context="c") == b"x"
        assert crypto.open_sealed(after, context="c") == b"y"

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "entry 1: expected id:base64"),
            (OLD, "entry 1: expected id:base64"),
            (f"a:{OLD},", "entry 2: expected id:base64"),
            (f"bad id:{OLD}", "entry 1: expected id:base64"),
            (f"{'k' * 33}:{OLD}", "entry 1: expected id:base64"),
            (f"a:{OLD},a:{NEW}", "the key id 'a' is used twice"),
            (f"a:{OLD},b:{OLD}", "two ids hold the same key"),
            ("a:@@@", "entry 1: the key is not base64"),
            ("a:c2hvcnQ=", "a key has 32 bytes, this one 5"),
        ],
    )
    def test_refuses_a_malformed_setting(self, text, sentence):
        with pytest.raises(ImproperlyConfigured) as refusal:
            crypto.KeyRing.parse(text)
        assert sentence in str(refusal.value)
        assert OLD not in str(refusal.value)

    def test_does_not_show_its_keys(self):
        assert "ooo" not in repr(crypto.KeyRing.parse(f"a:{OLD}"))


class TestReseal:
    def test_moves_a_value_to_the_active_key(self, settings, old_ring):
        envelope = crypto.seal(b"x", context="c")
        settings.APP_KMS_KEY = f"new:{NEW},old:{OLD}"
        fresh = crypto.reseal(envelope, context="c")
        settings.APP_KMS_KEY = f"new:{NEW}"
        assert crypto.open_sealed(fresh, context="c") == b"x"

    def test_leaves_a_current_value_alone(self, old_ring):
        envelope = crypto.seal(b"x", context="c")
        assert crypto.reseal(envelope, context="c") is envelope


class TestBlindIndex:
    @pytest.fixture(autouse=True)
    def index_key(self, settings):
        settings.APP_INDEX_KEY = OLD

    def test_is_a_versioned_keyed_hash(self):
        digest = hmac.new(b"o" * 32, b"h1\x00patients.national_id\x00123ab", hashlib.sha256).hexdigest()
        assert crypto.blind_index("123AB", purpose="patients.national_id") == f"h1:{digest}"
        assert len(f"h1:{digest}") == crypto.INDEX_LENGTH == 67

    def test_does_not_mind_case_spaces_and_unicode_forms(self):
        plain = crypto.blind_index("1 85 12 75 É", purpose="p")
        assert crypto.blind_index("1851275e\u0301", purpose="p") == plain
        assert crypto.blind_index(" １851275é ", purpose="p") == plain

    def test_differs_by_purpose_and_by_key(self, settings):
        here = crypto.blind_index("1", purpose="a")
        assert crypto.blind_index("1", purpose="b") != here
        settings.APP_INDEX_KEY = NEW
        assert crypto.blind_index("1", purpose="a") != here

    @pytest.mark.parametrize("value", ["", "  "])
    def test_refuses_nothing(self, value):
        with pytest.raises(ValueError):
            crypto.blind_index(value, purpose="a")

    @pytest.mark.parametrize("purpose", ["", "A", "a b", "a\x00b", "a."])
    def test_refuses_a_purpose_that_is_not_a_name(self, purpose):
        with pytest.raises(ValueError):
            crypto.blind_index("1", purpose=purpose)

    def test_refuses_a_malformed_key(self, settings):
        settings.APP_INDEX_KEY = "short"
        with pytest.raises(ImproperlyConfigured, match="APP_INDEX_KEY"):
            crypto.blind_index("1", purpose="a")
