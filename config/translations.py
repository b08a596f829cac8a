"""Compile and check the translation catalogues in Python; a fresh machine has no msgfmt.

python -m config.translations compile|check
"""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def compile_catalogues(folder: Path) -> int:
    """Write each .mo that is missing or older than its .po; return how many."""
    import polib  # a start without catalogues needs no polib

    written = 0
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            polib.pofile(str(source)).save_as_mofile(str(target))
            written += 1
    return written


def incomplete_entries(folder: Path) -> list[str]:
    """Name every entry that is untranslated or fuzzy."""
    import polib

    return [
        f"{source.relative_to(folder)}:{entry.linenum}: {entry.msgid[:80]}"
        for source in sorted(folder.glob("*/LC_MESSAGES/*.po"))
        for entry in polib.pofile(str(source))
        if not entry.obsolete and (entry.fuzzy or not entry.translated())
    ]


def main(words: list[str]) -> int:
    """Run one of the two commands."""
    folder = REPOSITORY / "locale"
    if words == ["compile"]:
        print(f"{compile_catalogues(folder)} catalogues compiled")
        return 0
    if words == ["check"]:
        found = incomplete_entries(folder)
        print("\n".join([*found, f"{len(found)} entries are not translated"]))
        return 1 if found else 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
