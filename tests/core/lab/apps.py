"""The lab."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "tests.core.lab"
    label = "lab"
