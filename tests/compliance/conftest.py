"""A patient here and one elsewhere."""

from tests.patients.conftest import elsewhere, patient, register

__all__ = ["elsewhere", "patient", "register"]
