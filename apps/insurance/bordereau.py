"""What a reconciliation says, in one canonical form whose SHA-256 every copy of it carries.

Names, addresses and row keys stand beside it, not in it: the same claims give the same content, whenever it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from apps.insurance.models import Reconciliation, ReconciliationProvider, Retention
from apps.insurance.services.reconciling_sql import LINE_HASHES

# Accounts came with the second version; what was generated before has none and keeps its hash.
VERSION: Final = 2
WITHOUT_ACCOUNTS: Final = 1
HEADER: Final = (
    "number sequence currency total_claims total_amount total_covered total_retentions total_credits total_releases "
    "total_carried_out total_net_payable"
).split()
TOTALS: Final = (
    "claims total_amount covered retentions credits releases carried_in carried_out net certificate_number"
).split()
KEPT: Final = "code kind base base_amount rate_bp amount certificate_number".split()


def line_hashes(reconciliation_id: UUID) -> dict[UUID, str]:
    """Return the SHA-256 of each provider's lines, one per line as `kind|claim|asked|covered|retention|net`."""
    with connection.cursor() as cursor:
        cursor.execute(LINE_HASHES, {"reconciliation": reconciliation_id})
        return dict(cursor.fetchall())


def content_of(
    reconciliation: Reconciliation,
    providers: Sequence[ReconciliationProvider],
    retentions: Sequence[Retention],
    hashes: Mapping[UUID, str],
) -> dict[str, Any]:
    """Return the content as plain values, providers and their retentions in a fixed order."""
    has_accounts = any(row.account is not None for row in providers)
    kept: dict[UUID, list[dict[str, Any]]] = {}
    for row in sorted(retentions, key=lambda row: (row.provider_id, row.code)):
        plain: dict[str, Any] = {name: getattr(row, name) for name in KEPT}
        plain["releasable_on"] = row.releasable_on.isoformat() if row.releasable_on else None
        kept.setdefault(row.provider_id, []).append(plain)
    return {
        "version": VERSION if has_accounts else WITHOUT_ACCOUNTS,
        "insurer": str(reconciliation.insurer_id),
        **{name: getattr(reconciliation, name) for name in HEADER},
        "period_start": reconciliation.period_start.isoformat(),
        "period_end": reconciliation.period_end.isoformat(),
        "cutoff_at": reconciliation.cutoff_at.timestamp(),
        "providers": [
            {
                "provider": str(row.provider_id),
                **{name: getattr(row, name) for name in TOTALS},
                **({"account": row.account} if has_accounts else {}),
                "retention_rows": kept.get(row.provider_id, []),
                "lines_sha256": hashes.get(row.provider_id, ""),
            }
            for row in sorted(providers, key=lambda row: row.provider_id)
        ],
    }


def sha256_of(content: Mapping[str, Any]) -> str:
    """Return the hash of a content in its canonical form: sorted names, no spaces."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def content_now(reconciliation: Reconciliation) -> dict[str, Any]:
    """Read the content from the rows as they are."""
    return content_of(
        reconciliation,
        list(reconciliation.providers.all()),
        list(reconciliation.retentions.all()),
        line_hashes(reconciliation.pk),
    )
