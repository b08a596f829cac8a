"""Collect, compile and check the translations in Python; a fresh machine has no GNU gettext.

    python -m config.translations collect|compile|check

Sentences stand in English in the source; `locale/fr` holds the French ones. English needs no catalogue.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL_MARKS = {"ngettext", "ngettext_lazy"}
CONTEXT_MARKS = {"pgettext", "pgettext_lazy"}
# What Django's `templatize` makes of a template's translate tags.
IN_TEMPLATE = re.compile(r"""\b(?:_|gettext)\((?:u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)")\)""")
PLURAL_IN_TEMPLATE = re.compile(r"""\bngettext\(u?'((?:[^'\\]|\\.)*)', ?u?'((?:[^'\\]|\\.)*)'""")


class Sentence(NamedTuple):
    """A text to translate, with its plural or its context where it has one."""

    text: str
    plural: str = ""
    context: str | None = None


def collect(root: Path) -> dict[Sentence, list[str]]:
    """Return every marked sentence of the source with the files it stands in."""
    found: dict[Sentence, list[str]] = {}
    for source in sorted([*root.glob("apps/**/*.py"), *root.glob("config/**/*.py")]):
        for sentence in in_python(ast.parse(source.read_text())):
            found.setdefault(sentence, []).append(str(source.relative_to(root)))
    templates = [*root.glob("templates/**/*.*"), *root.glob("apps/*/templates/**/*.*")]
    for source in sorted(path for path in templates if path.suffix in {".html", ".txt", ".xml", ".svg"}):
        for sentence in in_template(source.read_text()):
            found.setdefault(sentence, []).append(str(source.relative_to(root)))
    return found


def in_python(tree: ast.AST) -> Iterator[Sentence]:
    """Yield the sentences of a module, whatever name it imports a function under."""
    renamed = {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.asname
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        name = renamed.get(name, name)
        words = [
            arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if name in MARKS and len(words) == 1:
            yield Sentence(words[0])
        elif name in PLURAL_MARKS and len(words) >= 2:
            yield Sentence(words[0], plural=words[1])
        elif name in CONTEXT_MARKS and len(words) == 2:
            yield Sentence(words[1], context=words[0])


def in_template(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a template."""
    from django.conf import settings
    from django.utils.translation.template import templatize

    if not settings.configured:
        settings.configure()
    code = templatize(text)
    for one, other in PLURAL_IN_TEMPLATE.findall(code):
        yield Sentence(unescaped(one), plural=unescaped(other))
    for single, double in IN_TEMPLATE.findall(code):
        if single or double:
            yield Sentence(unescaped(single or double))


def unescaped(text: str) -> str:
    """Undo the quoting of a Python literal."""
    return str(ast.literal_eval(f'"""{text}"""')) if "\\" in text else text


def update_catalogue(root: Path, language: str = "fr") -> tuple[int, int]:
    """Bring a catalogue in line with the source; return how many entries came and went."""
    import polib

    file = root / "locale" / language / "LC_MESSAGES" / "django.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    book = polib.pofile(str(file)) if file.exists() else polib.POFile(wrapwidth=110)
    book.metadata = {
        "Language": language,
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=2; plural=(n > 1);",
    }
    known = {Sentence(entry.msgid, entry.msgid_plural, entry.msgctxt): entry for entry in book}
    wanted = collect(root)
    for sentence, entry in known.items():
        if sentence not in wanted:
            book.remove(entry)
    for sentence in wanted:
        if sentence not in known:
            plural = (
                {"msgid_plural": sentence.plural, "msgstr_plural": {0: "", 1: ""}} if sentence.plural else {}
            )
            book.append(polib.POEntry(msgid=sentence.text, msgctxt=sentence.context, **plural))
    book.sort(key=lambda entry: (entry.msgid, entry.msgctxt or ""))
    book.save(str(file))
    return len(set(wanted) - set(known)), len(set(known) - set(wanted))


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


def incomplete_entries(root: Path) -> list[str]:
    """Name every sentence of the source that the catalogue lacks, leaves open, or is unsure of."""
    import polib

    file = root / "locale" / "fr" / "LC_MESSAGES" / "django.po"
    book = polib.pofile(str(file)) if file.exists() else polib.POFile()
    known = {
        Sentence(entry.msgid, entry.msgid_plural, entry.msgctxt): entry
        for entry in book
        if not entry.obsolete
    }
    return [
        f"{where[0]}: {sentence.text[:90]}"
        for sentence, where in collect(root).items()
        if sentence not in known or known[sentence].fuzzy or not known[sentence].translated()
    ]


def main(words: list[str]) -> int:
    """Run one of the commands."""
    if words == ["collect"]:
        came, went = update_catalogue(REPOSITORY)
        print(f"{came} new, {went} gone, {len(incomplete_entries(REPOSITORY))} to translate")
        return 0
    if words == ["compile"]:
        print(f"{compile_catalogues(REPOSITORY / 'locale')} catalogues compiled")
        return 0
    if words == ["check"]:
        found = incomplete_entries(REPOSITORY)
        print("\n".join([*found, f"{len(found)} sentences are not translated"]))
        return 1 if found else 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
