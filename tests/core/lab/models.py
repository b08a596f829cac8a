"""One model per mechanism of core."""

from __future__ import annotations

from uuid import uuid4

from django.db import models

from apps.core.fields import EncryptedJSONField, EncryptedTextField
from apps.core.jobs import LeasedJob


class SealedNote(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4)
    title = models.CharField(max_length=50, default="", blank=True)
    text = EncryptedTextField(context="lab.note.text", blank=True, max_length=5000)
    extra = EncryptedTextField(context="lab.note.extra", null=True, blank=True)
    facts = EncryptedJSONField(context="lab.note.facts", null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"note:{self.pk}"


class LabJob(LeasedJob):
    subject_id = models.UUIDField(null=True)

    class Meta(LeasedJob.Meta):
        pass
