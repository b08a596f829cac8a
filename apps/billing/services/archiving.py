"""Archives of the ledger: a ZIP that holds a segment of the chain and the programme that verifies it offline."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from apps.billing.archive import verifier
from apps.billing.archive.verifier import DOCUMENTS, GENESIS, MANIFEST, RECORDS, canonical
from apps.billing.facturx import xml_of
from apps.billing.models import BillingDocument, Closing, LedgerRecord
from apps.billing.services.documents import DocumentAltered, stored_bytes
from apps.billing.services.exporting import record_export
from apps.billing.services.ledger import plain
from apps.billing.services.signing import sign
from apps.billing.verification import columns_of, verify_practice
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.storage import FileMissing
from apps.directory.models import Practice

FOLDER: Final = Path(verifier.__file__).parent
CLOSINGS: Final = "clotures.jsonl"
PROGRAMME: Final = "verifier.py"
README: Final = "LISEZMOI.txt"
# ZIP has no time zone and begins in 1980; the moment stands in the manifest, and equal contents give equal bytes.
STAMP: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP with the name to save it under."""

    file_name: str
    data: bytes


@service("billing.ledger.archive")
def archive_ledger(
    *, actor: Viewer, practice: Practice, closing: Closing | None = None, at: datetime
) -> Archive:
    """Return the archive of what a closing covers, or of the whole chain; that it was taken away is recorded.

    The segment begins where the offline programme has all it needs to add the closing up anew.
    """
    label = f"{closing.period}-{closing.starts_on}" if closing is not None else "integral"
    name = f"journal-{practice.siret or practice.pk}-{label}.zip"
    record_export(actor=actor, practice=practice, what=name, at=at)
    records = segment(practice, closing)
    files = {
        RECORDS: lines_of(columns_of(record) for record in records),
        CLOSINGS: lines_of(json.loads(r.payload) for r in records if r.kind == LedgerRecord.Kind.CLOSING),
        DOCUMENTS: documents_csv(records),
        PROGRAMME: (FOLDER / PROGRAMME).read_bytes(),
        README: (FOLDER / README).read_bytes(),
    }
    manifest = manifest_of(practice, closing, records, files, at=at)
    return Archive(name, zipped({MANIFEST: manifest, **files}))


def segment(practice: Practice, closing: Closing | None) -> list[LedgerRecord]:
    """Return the records of an archive: from the previous closing of its kind, or what it left over, to the closing."""
    chain = LedgerRecord.objects.filter(practice=practice).order_by("sequence")
    if closing is None:
        return list(chain)
    end = chain.get(kind=LedgerRecord.Kind.CLOSING, object_id=closing.pk).sequence
    former = Closing.objects.filter(
        practice=practice, period=closing.period, starts_on__lt=closing.starts_on
    ).order_by("-starts_on")
    before = former.first()
    start = 1
    if before is not None:
        place = chain.get(kind=LedgerRecord.Kind.CLOSING, object_id=before.pk).sequence
        start = min(place, closing.first_sequence)
    return list(chain.filter(sequence__gte=start, sequence__lte=end))


def lines_of(values: Iterator[dict[str, Any]]) -> bytes:
    """Write canonical JSON lines."""
    return "".join(f"{canonical(value)}\n" for value in values).encode()


def documents_csv(records: Sequence[LedgerRecord]) -> bytes:
    """List the files of the issued documents with the hashes of what was issued, and of the Factur-X data inside."""
    keys = [record.object_id for record in records if record.kind in ("invoice", "credit_note")]
    rows = (
        BillingDocument.objects.filter(invoice__in=keys).select_related("invoice").order_by("invoice__number")
    )
    text = io.StringIO()
    table = csv.writer(text, delimiter=";", lineterminator="\n")
    table.writerow(["numero", "nature", "emis_le", "taille", "sha256_pdf", "sha256_facturx", "etat"])
    for document in rows:
        facturx, state = facturx_of(document)
        invoice = document.subject
        table.writerow(
            [
                invoice.number,
                document.kind,
                invoice.issued_on,
                document.size or "",
                document.sha256,
                facturx,
                state,
            ]
        )
    return text.getvalue().encode()


def facturx_of(document: BillingDocument) -> tuple[str, str]:
    """Return the hash of the structured data in the stored file, and how that file is."""
    if not document.is_rendered:
        return "", "à produire"
    try:
        data = xml_of(stored_bytes(document))
    except DocumentAltered:
        return "", "modifié"
    except FileMissing:
        return "", "absent"
    return hashlib.sha256(data).hexdigest() if data else "", "conforme"


def manifest_of(
    practice: Practice,
    closing: Closing | None,
    records: Sequence[LedgerRecord],
    files: dict[str, bytes],
    *,
    at: datetime,
) -> bytes:
    """Write what the archive holds, hashed file by file, and sign it."""
    finding = verify_practice(practice.pk).finding
    manifest: dict[str, Any] = {
        "logiciel": f"OSdentaire {settings.VERSION}",
        "cabinet": str(practice.pk),
        "nom": practice.name,
        "siret": practice.siret,
        "devise": practice.currency,
        "produit_le": plain(at),
        "periode": closing.period if closing is not None else "integral",
        "du": str(closing.starts_on) if closing is not None else "",
        "au_exclu": str(closing.ends_on) if closing is not None else "",
        "premier_enregistrement": records[0].sequence if records else 1,
        "dernier_enregistrement": records[-1].sequence if records else 0,
        "empreinte_precedente": records[0].previous_hash if records else GENESIS,
        "derniere_empreinte": records[-1].hash if records else GENESIS,
        "controle": "intact" if finding is None else f"{finding.sequence}: {finding.fault}",
        "fichiers": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "taille": len(data)}
            for name, data in files.items()
        },
    }
    key_id, value = sign(canonical(manifest))
    manifest["signature"] = {"cle": key_id, "valeur": value}
    return (json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def zipped(files: dict[str, bytes]) -> bytes:
    """Pack files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
