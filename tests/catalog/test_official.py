"""Official tariffs: shown first, told by line, dated, never overlapping, and the same file twice is nothing."""

from __future__ import annotations

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F, Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalog.importer import BadFile
from apps.catalog.models import Act, Tariff
from apps.catalog.official import import_official, read_official
from apps.catalog.selectors import price_of
from tests.catalog.conftest import IMPORTER

HEADER = "code;tarif;date_debut"


def file(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


def run(content, write=True):
    return import_official(actor=IMPORTER, content=content, dry_run=not write)


def line_of(code):
    return list(
        Tariff.objects.filter(act__code=code)
        .order_by("valid_from")
        .values_list("valid_from", "valid_to", "brss", "price")
    )


class TestImport:
    def test_closes_the_open_tariff_on_the_new_day(self, catalogue):
        report = run(file("HBJD001;45,20;01/07/2026"))

        assert [(line.line, line.outcome, line.before, line.after) for line in report.lines] == [
            (2, "changed", 2892, 4520)
        ]
        assert line_of("HBJD001") == [
            (date(2026, 1, 1), date(2026, 7, 1), 2892, 2892),
            (date(2026, 7, 1), None, 4520, 4520),
        ]

    def test_shows_first_and_writes_nothing(self, catalogue):
        before = list(Tariff.objects.order_by("pk").values())

        report = run(
            file("HBJD001;45,20;2026-07-01", "ZZZZ001;1;2026-07-01", "HBJD001;x;2026-08-01"), write=False
        )

        assert (report.dry_run, [line.outcome for line in report.lines]) == (
            True,
            ["changed", "unknown", "wrong"],
        )
        assert list(Tariff.objects.order_by("pk").values()) == before

    def test_twice_changes_nothing(self, catalogue):
        content = file("HBJD001;45,20;2026-07-01", "HBJD001;46;2027-01-01", "HBLD634;125;2026-07-01")
        run(content)
        before = list(Tariff.objects.order_by("pk").values())

        again = run(content)

        assert again.count("same") == 3
        assert list(Tariff.objects.order_by("pk").values()) == before

    def test_takes_the_days_of_one_act_in_any_order_and_between_known_ones(self, catalogue):
        run(file("HBJD001;50;2028-01-01"))
        run(file("HBJD001;47;2027-01-01", "HBJD001;45;2026-06-01"))

        assert [
            (row[0].isoformat(), row[1] and row[1].isoformat(), row[2]) for row in line_of("HBJD001")
        ] == [
            ("2026-01-01", "2026-06-01", 2892),
            ("2026-06-01", "2027-01-01", 4500),
            ("2027-01-01", "2028-01-01", 4700),
            ("2028-01-01", None, 5000),
        ]

    def test_reaches_before_the_first_tariff(self, catalogue):
        report = run(file("HBJD001;40;2020-01-01"))

        assert report.lines[0].outcome == "new"
        assert line_of("HBJD001")[0] == (date(2020, 1, 1), date(2026, 1, 1), 4000, 4000)

    def test_leaves_the_price_of_what_is_free_and_changes_its_base(self, catalogue, practice):
        act = Act.objects.get(code="HBLD634")
        before = price_of(act=act, practice=practice, on=date(2026, 6, 1))

        run(file("HBLD634;125;2026-07-01;515;rac0", header=f"{HEADER};plafond;panier"))

        after = price_of(act=act, practice=practice, on=date(2026, 7, 1))
        assert (after.price, after.brss, after.cap, after.basket) == (before.price, 12500, 51500, "rac0")
        assert price_of(act=act, practice=practice, on=date(2026, 6, 30)) == before

    def test_reads_published_headings_and_windows_text(self, catalogue):
        content = (
            "Code acte;Libellé;Tarif secteur 1;Date d'effet\nHBJD001;Détartrage;45,20;20260701\n".encode(
                "cp1252"
            )
        )

        assert run(content).count("changed") == 1

    def test_tells_wrong_lines_and_writes_the_others(self, catalogue):
        report = run(
            file(
                "HBJD001;45,20;2026-07-01",
                "hbjd001;46;2026-07-01",
                "I;1;2026-07-01;x",
                "HBJD001;;2026-07-01",
                "HBJD001;-3;2026-07-01",
                "HBJD001;3;2026-02-30",
                "",
                "HBLD634;125;2026-07-01;100;rac0",
                header=f"{HEADER};plafond;panier",
            )
        )

        assert [(line.line, line.outcome) for line in report.lines] == [
            (2, "changed"), (3, "wrong"), (4, "wrong"), (5, "wrong"), (6, "wrong"), (7, "wrong"), (9, "wrong"),
        ]  # fmt: skip
        assert all(line.sentence for line in report.lines if line.outcome == "wrong")

    @pytest.mark.parametrize(
        "content", [b"", b"code;tarif\n", b"\x00", b"a;b;c\n", b'code;tarif;date_debut\n"x']
    )
    def test_refuses_what_is_no_such_file(self, db, content):
        with pytest.raises(BadFile):
            run(content)

    @given(st.binary(max_size=200))
    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_reads_anything_without_falling_over(self, content):
        for data in (content, HEADER.encode() + b"\n" + content):
            try:
                rows, _wrong = read_official(data)
            except BadFile:
                continue
            assert all(row.base >= 0 for row in rows)

    @pytest.mark.django_db
    @given(
        st.lists(
            st.tuples(st.integers(0, 60), st.integers(0, 9999)),
            min_size=1,
            max_size=12,
            unique_by=lambda one: one[0],
        )
    )
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_never_overlaps_and_prices_each_day_as_told(self, catalogue, steps):
        months = [(date(2024 + n // 12, n % 12 + 1, 1), amount) for n, amount in steps]
        run(file(*(f"HBJD001;{amount // 100},{amount % 100:02d};{day}" for day, amount in months)))

        rows = Tariff.objects.filter(act__code="HBJD001").order_by("valid_from")
        assert not rows.filter(valid_to__isnull=False).filter(Q(valid_to__lte=F("valid_from"))).exists()
        line = list(rows)
        assert [row.valid_to for row in line[:-1]] == [row.valid_from for row in line[1:]]
        assert line[-1].valid_to is None
        for day, amount in months:
            assert Tariff.objects.valid_on(day).get(act__code="HBJD001").brss == amount


class TestCommand:
    def test_says_what_it_would_do_and_then_does_it(self, catalogue, tmp_path):
        path = tmp_path / "ccam.csv"
        path.write_bytes(file("HBJD001;45,20;2026-07-01", "ZZZZ001;1;2026-07-01"))
        said = StringIO()

        call_command("import_official", path, stdout=said)
        assert "HBJD001: changed: 2892 -> 4520 from 2026-07-01" in said.getvalue()
        assert "dry run, nothing written: 0 new, 1 changed, 0 same, 1 unknown, 0 wrong" in said.getvalue()
        assert len(line_of("HBJD001")) == 1
        call_command("import_official", path, write=True, stdout=said)
        assert len(line_of("HBJD001")) == 2

    def test_fails_without_a_file(self, db, tmp_path):
        with pytest.raises(CommandError):
            call_command("import_official", tmp_path / "none.csv")
