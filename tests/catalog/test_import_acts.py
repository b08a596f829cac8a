"""Loading the catalogue from a file."""

from __future__ import annotations

import contextlib
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.audit.models import AuditEntry
from apps.catalog.importer import HOUSE_FILE, BadFile, BadRows, import_acts, read_acts
from apps.catalog.models import Act, Tariff, VatCode
from tests.catalog.conftest import IMPORTER

HEADER = (
    "code,code_system,label_fr,label_en,category,default_price_eur,brss_eur,amo_rate_pct,basket,price_cap_eur,"
    "requires_tooth,tooth_rule,min_surfaces,max_surfaces,duration_min,vat_code,consumables"
)
GOOD = (
    "C,NGAP,Consultation,Consultation,consultation,23.00,23.00,60,opposable,,no,,0,0,20,EXEMPT,GLOVE:2|MASK:1"
)


def file(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


def changed(**cells: str) -> str:
    names = HEADER.split(",")
    values = dict(zip(names, GOOD.split(","), strict=True)) | cells
    return ",".join(f'"{values[name]}"' for name in names)


def errors_of(content: bytes) -> list[tuple[int, str]]:
    return [(error.line, error.column) for error in read_acts(content).errors]


class TestReadActs:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("code", "c1"),
            ("code_system", "XYZ"),
            ("label_fr", ""),
            ("label_en", "x" * 201),
            ("category", "magic"),
            ("default_price_eur", ""),
            ("default_price_eur", "-1"),
            ("default_price_eur", "1.234"),
            ("default_price_eur", "abc"),
            ("brss_eur", "1e3"),
            ("amo_rate_pct", "101"),
            ("amo_rate_pct", "60.5"),
            ("basket", "none"),
            ("price_cap_eur", "x"),
            ("requires_tooth", "maybe"),
            ("tooth_rule", "permanent"),
            ("min_surfaces", "6"),
            ("max_surfaces", "1"),
            ("duration_min", ""),
            ("duration_min", "²"),
            ("vat_code", "STD19"),
            ("consumables", "GLOVE"),
            ("consumables", "GLOVE:0"),
            ("consumables", "GLOVE:1|GLOVE:2"),
        ],
    )
    def test_names_the_line_and_column_of_a_wrong_cell(self, column, value):
        content = file(GOOD, changed(**{"code": "CS", column: value}))
        assert (3, column) in errors_of(content)

    def test_counts_physical_lines_when_a_cell_spans_several(self):
        content = file(changed(label_fr="Une\nconsultation"), changed(code="bad"))
        assert errors_of(content) == [(4, "code")]

    def test_refuses_the_letters_i_and_o_in_a_ccam_code(self):
        assert errors_of(file(changed(code="HBIO001", code_system="CCAM"))) == [(2, "code")]

    def test_refuses_a_code_that_comes_twice(self):
        assert errors_of(file(GOOD, GOOD)) == [(3, "code")]

    def test_refuses_a_price_above_its_cap(self):
        assert errors_of(file(changed(price_cap_eur="22.99"))) == [(2, "default_price_eur")]

    def test_refuses_a_row_with_missing_cells(self):
        assert errors_of(file("C,NGAP")) == [(2, "")]

    def test_reads_semicolons_decimal_commas_and_a_byte_order_mark(self):
        row = GOOD.replace("23.00", "23,00").replace("C,NGAP", "C;NGAP")
        cells = ["C", "NGAP", *GOOD.replace("23.00", "23~00").split(",")[2:]]
        content = "\ufeff" + HEADER.replace(",", ";") + "\n" + ";".join(cells).replace("~", ",")
        reading = read_acts(content.encode())
        assert row
        assert reading.errors == []
        assert reading.rows[0].tariff["price"] == 2300

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"code,label\n",
            HEADER.encode() + b",extra\n",
            b"\xff\xfe",
            HEADER.encode() + b'\n"open',
            b"a\0b",
        ],
    )
    def test_refuses_a_file_that_is_no_catalogue(self, content):
        with pytest.raises(BadFile):
            read_acts(content)

    @given(st.binary(max_size=400))
    def test_never_fails_otherwise(self, content):
        with contextlib.suppress(BadFile):
            read_acts(HEADER.encode() + b"\n" + content)


@pytest.mark.django_db
class TestImportActs:
    def test_loads_all_80_rows_of_the_house_file(self):
        report = import_acts(actor=IMPORTER, content=HOUSE_FILE.read_bytes())
        assert (report.created, report.tariffs, report.errors) == (80, 80, ())
        assert Act.objects.count() == 80
        crown = Act.objects.get(code="HBLD634")
        assert (crown.tooth_rule, crown.duration_minutes, crown.vat_code.code) == (
            "permanent:1-4",
            60,
            "EXEMPT",
        )
        assert crown.consumables[0] == {"sku": "GLOVE", "quantity": 2}
        tariff = Tariff.objects.get(act=crown)
        assert (tariff.price, tariff.brss, tariff.rate_bp, tariff.cap, tariff.basket) == (
            51500,
            12000,
            6000,
            51500,
            "rac0",
        )
        assert VatCode.objects.get(code="EXEMPT").mention_fr == "Exonération de TVA, art. 261-4-1° du CGI"
        assert VatCode.objects.get(code="STD20").rate_bp == 2000

    def test_changes_nothing_the_second_time(self):
        import_acts(actor=IMPORTER, content=HOUSE_FILE.read_bytes())
        entries = AuditEntry.objects.count()
        report = import_acts(actor=IMPORTER, content=HOUSE_FILE.read_bytes())
        assert (report.created, report.updated, report.unchanged, report.tariffs) == (0, 0, 80, 0)
        assert AuditEntry.objects.count() == entries

    def test_leaves_an_audit_entry_per_row_with_the_actor(self):
        import_acts(actor=IMPORTER, content=file(GOOD))
        entries = AuditEntry.objects.filter(event="catalog.act.import")
        assert {entry.actor_role for entry in entries} == {"service:test-importer"}
        assert entries.count() == 2

    def test_a_new_price_ends_the_one_before_it(self):
        import_acts(actor=IMPORTER, content=file(GOOD))
        dearer = file(changed(default_price_eur="26.00"))
        report = import_acts(actor=IMPORTER, content=dearer, valid_from=date(2027, 1, 1))
        assert report.tariffs == 1
        rows = Tariff.objects.order_by("valid_from").values_list("price", "valid_from", "valid_to")
        assert list(rows) == [
            (2300, date(2026, 1, 1), date(2027, 1, 1)),
            (2600, date(2027, 1, 1), None),
        ]

    def test_an_older_price_ends_where_the_known_one_begins(self):
        import_acts(actor=IMPORTER, content=file(GOOD))
        import_acts(
            actor=IMPORTER, content=file(changed(default_price_eur="21.00")), valid_from=date(2025, 1, 1)
        )
        assert Tariff.objects.get(price=2100).valid_to == date(2026, 1, 1)

    def test_a_corrected_price_of_the_same_day_replaces_it(self):
        import_acts(actor=IMPORTER, content=file(GOOD))
        import_acts(actor=IMPORTER, content=file(changed(default_price_eur="23.50")))
        assert Tariff.objects.get().price == 2350

    def test_updates_an_act_that_changed(self):
        import_acts(actor=IMPORTER, content=file(GOOD))
        report = import_acts(actor=IMPORTER, content=file(changed(label_fr="Consultation dentaire")))
        assert (report.created, report.updated) == (0, 1)
        assert "dentaire" in Act.objects.get(code="C").search_text

    def test_writes_nothing_when_a_row_is_wrong(self):
        with pytest.raises(BadRows) as refusal:
            import_acts(actor=IMPORTER, content=file(GOOD, changed(code="CS", basket="none")))
        assert refusal.value.details["errors"][0]["line"] == 3
        assert Act.objects.count() == 0

    def test_writes_the_good_rows_when_asked(self):
        report = import_acts(
            actor=IMPORTER, content=file(GOOD, changed(code="CS", basket="none")), partial=True
        )
        assert report.created == 1
        assert len(report.errors) == 1

    def test_tells_how_far_it_is(self):
        seen: list[tuple[int, int]] = []
        content = file(*[changed(code=f"A{n:03}") for n in range(1100)])
        import_acts(actor=IMPORTER, content=content, progress=lambda done, total: seen.append((done, total)))
        assert seen == [(500, 1100), (1000, 1100), (1100, 1100)]


@pytest.mark.django_db
class TestCommand:
    def test_loads_the_house_file_by_default(self):
        out = StringIO()
        call_command("import_acts", stdout=out)
        assert out.getvalue().startswith(
            "80 acts created, 0 updated, 0 unchanged, 80 prices written, 0 errors."
        )

    def test_lists_wrong_rows_by_line(self, tmp_path):
        path = tmp_path / "acts.csv"
        path.write_bytes(file(GOOD, changed(code="CS", duration_min="soon")))
        errors = StringIO()
        with pytest.raises(CommandError):
            call_command("import_acts", str(path), stderr=errors)
        assert "line 3, duration_min:" in errors.getvalue()
        assert Act.objects.count() == 0
        call_command("import_acts", str(path), "--partial", stderr=errors, stdout=StringIO())
        assert Act.objects.count() == 1

    def test_says_that_a_file_is_not_there(self, tmp_path):
        with pytest.raises(CommandError):
            call_command("import_acts", str(tmp_path / "none.csv"))
