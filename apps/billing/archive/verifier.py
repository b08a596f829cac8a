"""Vérifie une archive du journal : python -I verifier.py [ARCHIVE.zip] [--cle ID:BASE64]

Il ne faut que Python (3.9 ou plus récent), ni réseau ni base de données. Sans nom d'archive, le dossier où se
trouve ce programme est vérifié.
"""

# The English reader: this file travels inside each archive and uses the standard library only. The product's own
# verification imports the same functions, so that both cannot drift apart.
from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
RECORDS, MANIFEST, DOCUMENTS = "enregistrements.jsonl", "manifeste.json", "documents.csv"
CREDITS, MONEY = "credit_note", ("payment", "refund")
FAULTS = {
    "missing": "l'enregistrement manque",
    "order": "ne suit pas l'enregistrement précédent",
    "hash": "le contenu ne correspond pas à son empreinte",
    "columns": "les colonnes ne correspondent pas au contenu",
}

Record = dict[str, Any]
Keys = Mapping[str, bytes]
Read = Callable[[str], bytes]


def canonical(value: Any) -> str:
    """Write a value in the one way that is hashed: sorted keys, no spaces, integers, text as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def link(previous_hash: str, payload: str) -> str:
    """Return the hash of a record: SHA-256 over the previous hash and the payload, both as text."""
    return hashlib.sha256(f"{previous_hash}{payload}".encode()).hexdigest()


def mac(key: bytes, *parts: object) -> str:
    """Return the HMAC-SHA256 of the parts under a key, as hex."""
    return hmac.new(key, canonical([str(part) for part in parts]).encode(), hashlib.sha256).hexdigest()


def chain_fault(record: Record, expected: int, previous: str) -> str:
    """Say which of FAULTS a record has by itself; nothing when it is sound."""
    if record["sequence"] != expected:
        return "missing"
    if record["previous_hash"] != previous:
        return "order"
    if record["hash"] != link(record["previous_hash"], record["payload"]):
        return "hash"
    said = json.loads(record["payload"])["record"]
    if any(said[name] != record[name] for name in ("sequence", "kind", "recorded_at")):
        return "columns"
    return ""


def signature_fault(record: Record, practice: str, keys: Keys) -> str:
    """Say whether a signature is wrong; nothing when it fits."""
    key = keys.get(record["key_id"])
    if key is None:
        return f"signé avec une clé inconnue ({record['key_id'] or 'aucune'})"
    fits = hmac.compare_digest(record["signature"], mac(key, practice, record["sequence"], record["hash"]))
    return "" if fits else "la signature est fausse"


def totals(records: Sequence[Record], closing: Record, before: Record | None) -> dict[str, Any]:
    """Add up what a closing covers: what was recorded before its end and not covered by the one before."""
    sums: dict[str, Any] = {"invoiced": 0, "credited": 0, "received": 0, "received_by_method": {}}
    for record in records:
        if record["sequence"] > closing["last_sequence"] or record["recorded_at"] >= closing["ends_at"]:
            continue
        if before is not None and (
            record["sequence"] <= before["last_sequence"] and record["recorded_at"] < before["ends_at"]
        ):
            continue
        said = json.loads(record["payload"])
        if record["kind"] == "invoice":
            sums["invoiced"] += said["total_amount"]
        elif record["kind"] == CREDITS:
            sums["credited"] += said["total_amount"]
        elif record["kind"] in MONEY:
            sums["received"] += said["amount"]
            method = said["method"]
            sums["received_by_method"][method] = sums["received_by_method"].get(method, 0) + said["amount"]
    turnover = sums["invoiced"] - sums["credited"]
    return {**sums, "perpetual_total": (before["perpetual_total"] if before else 0) + turnover}


def closing_fault(records: Sequence[Record], record: Record, first_sequence: int) -> str:
    """Hold a closing against the records it covers, if the archive holds all of them."""
    closing = json.loads(record["payload"])
    earlier = [
        json.loads(other["payload"])
        for other in records
        if other["kind"] == "closing" and other["sequence"] < record["sequence"]
    ]
    before = [other for other in earlier if other["period"] == closing["period"]]
    last = before[-1] if before else None
    if last is None and first_sequence > 1:
        return ""
    if last is not None and last["ends_at"] > closing["ends_at"]:
        return "la clôture précède la précédente"
    found = totals(records, closing, last)
    wrong = sorted(name for name, value in found.items() if closing[name] != value)
    return f"la clôture ne correspond pas à ce qu'elle couvre ({', '.join(wrong)})" if wrong else ""


def reader_of(place: Path) -> Read:
    """Return a function that reads a member of a ZIP or of a folder."""
    if place.is_dir():
        return lambda name: (place / name).read_bytes()
    archive = zipfile.ZipFile(place)
    return archive.read


def manifest_faults(read: Read, keys: Keys) -> Iterator[str]:
    """Yield what is wrong with the list of files, and with its signature."""
    manifest = json.loads(read(MANIFEST))
    for name, facts in sorted(manifest["fichiers"].items()):
        try:
            data = read(name)
        except (KeyError, OSError, zipfile.BadZipFile):
            yield f"{name} : le fichier manque ou est illisible"
            continue
        if hashlib.sha256(data).hexdigest() != facts["sha256"]:
            yield f"{name} : l'empreinte diffère de celle du manifeste"
    if keys:
        signed = manifest.get("signature") or {"cle": "", "valeur": ""}
        rest = {name: value for name, value in manifest.items() if name != "signature"}
        key = keys.get(signed["cle"])
        if key is None or not hmac.compare_digest(signed["valeur"], mac(key, canonical(rest))):
            yield f"{MANIFEST} : la signature est fausse ou d'une autre clé"


def record_fault(read: Read, keys: Keys) -> tuple[int, str, int]:
    """Return the first bad record, its fault, and how many were read; no fault when all are sound."""
    manifest = json.loads(read(MANIFEST))
    # Texts may hold other line ends than the one that separates records.
    lines = read(RECORDS).decode("utf-8").split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    records: list[Record] = []
    previous = manifest["empreinte_precedente"]
    expected = first = manifest["premier_enregistrement"]
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            records.append(record)
            fault = FAULTS.get(chain_fault(record, expected, previous), "")
            if not fault and line != canonical(record):
                fault = "écrit autrement que de la façon convenue"
            if not fault and keys:
                fault = signature_fault(record, manifest["cabinet"], keys)
            if not fault and record["kind"] == "closing":
                fault = closing_fault(records, record, first)
        except (ValueError, KeyError, TypeError, AttributeError):
            fault = f"illisible (ligne {number} de {RECORDS})"
        if fault:
            return expected, fault, number
        previous, expected = record["hash"], expected + 1
    if previous != manifest["derniere_empreinte"] or expected - 1 != manifest["dernier_enregistrement"]:
        return expected, "la fin du journal manque", len(records)
    return 0, "", len(records)


def parse_key(text: str) -> tuple[str, bytes]:
    """Read `id:base64`."""
    key_id, _, encoded = text.partition(":")
    return key_id, base64.b64decode(encoded, validate=True)


def tell(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main(arguments: Sequence[str]) -> int:
    """Verify, tell the outcome in one line per fault, and return 0 only when everything is sound."""
    parser = argparse.ArgumentParser(description="Vérifie une archive du journal.")
    parser.add_argument("archive", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument(
        "--cle", action="append", default=[], help="clé de signature, ID:BASE64 (facultatif, répétable)"
    )
    asked = parser.parse_args(arguments)
    keys = dict(parse_key(text) for text in asked.cle)
    try:
        read = reader_of(asked.archive)
        sequence, fault, count = record_fault(read, keys)
        others = list(manifest_faults(read, keys))
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        tell(f"ARCHIVE ILLISIBLE : {error}")
        return 2
    if fault:
        tell(f"ENREGISTREMENT {sequence} : {fault}")
    for other in others:
        tell(other)
    if fault or others:
        return 1
    checked = "signatures vérifiées" if keys else "signatures non vérifiées (aucune clé donnée)"
    tell(f"{count} enregistrements, chaîne et totaux intacts, {checked}")
    return 0


if __name__ == "__main__":
    # A terminal that does not know accents shows question marks rather than stopping.
    getattr(sys.stdout, "reconfigure", lambda **_: None)(errors="replace")
    sys.exit(main(sys.argv[1:]))
