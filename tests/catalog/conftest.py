"""The catalogue as shipped."""

from __future__ import annotations

import pytest

from apps.catalog.importer import HOUSE_FILE, import_acts
from apps.catalog.models import Act
from apps.core.scope import SystemActor

IMPORTER = SystemActor("test-importer")


@pytest.fixture
def catalogue(db: None) -> dict[str, Act]:
    """The 80 acts, by code."""
    import_acts(actor=IMPORTER, content=HOUSE_FILE.read_bytes())
    return {act.code: act for act in Act.objects.select_related("vat_code")}
