"""The patient and acts of billing's tests."""

from tests.billing.conftest import acts, patient

__all__ = ["acts", "patient"]
