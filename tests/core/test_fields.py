"""Sealed model fields."""

from __future__ import annotations

import base64
import copy
import pickle
from uuid import uuid4

import pytest
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import F, Value
from django.test.utils import isolate_apps
from psycopg import sql

from apps.core import crypto
from apps.core.crypto import DecryptionFailed
from apps.core.fields import EncryptedJSONField, EncryptedTextField, Sealed, SealedFieldError, sealed_fields
from tests.core.lab.models import SealedNote

pytestmark = pytest.mark.django_db


def stored(note, column="text"):
    """Return the column's bytes, past every layer of Django's."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM lab_sealednote WHERE id = %s").format(sql.Identifier(column)), [note.pk]
        )
        value = cursor.fetchone()[0]
    return None if value is None else bytes(value)


def write(note, envelope, column="text"):
    with connection.cursor() as cursor:
        query = sql.SQL("UPDATE lab_sealednote SET {} = %s WHERE id = %s").format(sql.Identifier(column))
        cursor.execute(query, [envelope, note.pk])


@pytest.fixture
def note():
    return SealedNote.objects.get(pk=SealedNote.objects.create(text="caries", facts={"tooth": 11}).pk)


class TestReading:
    def test_gives_the_value_back(self, note):
        assert note.text == "caries"
        assert note.facts == {"tooth": 11}

    def test_stores_an_envelope_bound_to_the_row(self, note):
        assert b"caries" not in stored(note)
        assert crypto.open_sealed(stored(note), context=f"lab.note.text:{note.pk}") == b"caries"

    def test_keeps_none_as_null(self, note):
        assert note.extra is None
        assert stored(note, "extra") is None

    def test_keeps_the_empty_text_apart_from_none(self):
        note = SealedNote.objects.create(text="", extra="")
        assert stored(note, "extra") is not None
        assert SealedNote.objects.get(pk=note.pk).extra == ""

    def test_raises_on_an_envelope_of_another_row(self, note):
        write(note, stored(SealedNote.objects.create(text="other")))
        loaded = SealedNote.objects.get(pk=note.pk)
        with pytest.raises(DecryptionFailed):
            _ = loaded.text

    def test_raises_on_an_envelope_of_another_column(self, note):
        write(note, stored(note), "extra")
        loaded = SealedNote.objects.get(pk=note.pk)
        with pytest.raises(DecryptionFailed):
            _ = loaded.extra

    @pytest.mark.parametrize("noise", [b"", b"caries", b"\x01\x02t1" + b"x" * 40])
    def test_raises_on_what_is_not_an_envelope(self, note, noise):
        write(note, noise)
        loaded = SealedNote.objects.get(pk=note.pk)
        with pytest.raises(DecryptionFailed):
            _ = loaded.text

    def test_loads_a_deferred_value_on_demand(self, note, django_assert_num_queries):
        loaded = SealedNote.objects.defer("text").get(pk=note.pk)
        with django_assert_num_queries(1):
            assert loaded.text == "caries"

    def test_refreshes_from_the_database(self, note):
        other = SealedNote.objects.get(pk=note.pk)
        other.text = "abscess"
        other.save()
        note.refresh_from_db()
        assert note.text == "abscess"

    def test_values_yield_the_envelope(self, note):
        assert SealedNote.objects.values("text").get(pk=note.pk)["text"] == stored(note)
        assert SealedNote.objects.values_list("text", flat=True).get(pk=note.pk) == stored(note)

    def test_gives_a_fresh_copy_of_json(self, note):
        note.facts["tooth"] = 12
        assert note.facts == {"tooth": 11}

    def test_survives_pickling_and_copying_sealed(self, note):
        assert b"caries" not in pickle.dumps(note)
        assert pickle.loads(pickle.dumps(note)).text == "caries"  # noqa: S301 - made one line above
        assert copy.deepcopy(note).text == "caries"


class TestWriting:
    def test_takes_a_value_before_the_key_is_known(self):
        note = SealedNote()
        note.text = "caries"
        note.id = uuid4()
        note.save()
        assert SealedNote.objects.get(pk=note.pk).text == "caries"

    def test_accepts_a_key_given_as_text(self):
        key = uuid4()
        SealedNote.objects.create(id=str(key).upper(), text="caries")
        assert SealedNote.objects.get(pk=key).text == "caries"

    def test_reads_what_was_assigned_before_saving(self):
        assert SealedNote(text="caries", facts=[1]).text == "caries"

    def test_writes_named_fields_only(self, note):
        before = stored(note)
        note.extra = "x"
        note.title = "y"
        note.save(update_fields=["extra"])
        assert SealedNote.objects.get(pk=note.pk).extra == "x"
        assert stored(note) == before

    def test_keeps_the_envelope_of_an_unchanged_value(self, note):
        before = stored(note)
        note.full_clean()
        note.text = "caries"
        note.refresh_from_db()
        note.save()
        assert stored(note) == before

    def test_tells_json_true_from_one(self):
        note = SealedNote.objects.create(facts={"n": 1})
        note.facts = {"n": True}
        note.save()
        assert SealedNote.objects.get(pk=note.pk).facts == {"n": True}
        assert SealedNote.objects.get(pk=note.pk).facts["n"] is True

    def test_writes_null(self, note):
        note.facts = None
        note.save()
        assert stored(note, "facts") is None

    def test_repairs_a_damaged_value_by_assigning(self, note):
        write(note, b"noise")
        loaded = SealedNote.objects.get(pk=note.pk)
        loaded.text = "caries"
        loaded.save()
        assert SealedNote.objects.get(pk=note.pk).text == "caries"

    def test_refuses_to_save_a_damaged_value_again(self, note):
        write(note, b"noise")
        with pytest.raises(DecryptionFailed):
            SealedNote.objects.get(pk=note.pk).save()

    def test_refuses_to_copy_an_envelope_under_another_key(self, note):
        note.pk = uuid4()
        with pytest.raises(DecryptionFailed):
            note.save(force_insert=True)

    def test_bulk_creates(self):
        notes = SealedNote.objects.bulk_create([SealedNote(text=f"n{i}", facts=[i]) for i in range(3)])
        assert [SealedNote.objects.get(pk=n.pk).text for n in notes] == ["n0", "n1", "n2"]
        assert notes[1].text == "n1"

    def test_gets_or_creates_with_defaults(self):
        note, created = SealedNote.objects.update_or_create(title="only", defaults={"text": "caries"})
        assert created
        assert SealedNote.objects.get(pk=note.pk).text == "caries"

    @pytest.mark.parametrize("value", [b"x", memoryview(b"x"), 5, ["x"], F("title")])
    def test_refuses_what_is_not_text(self, value):
        with pytest.raises(TypeError):
            SealedNote(text=value)

    def test_refuses_bytes_for_json(self):
        with pytest.raises(TypeError):
            SealedNote(facts=b"{}")

    def test_refuses_json_that_is_none(self):
        with pytest.raises((TypeError, ValueError)):
            SealedNote(facts={"x": float("nan")}).save()

    def test_counts_characters_of_the_value(self):
        with pytest.raises(ValidationError) as refusal:
            SealedNote(text="x" * 5001).full_clean()
        assert set(refusal.value.message_dict) == {"text"}


class TestBulkWritesAndLookups:
    @pytest.mark.parametrize(
        "value", ["caries", Value("caries"), F("title"), F("extra"), b"caries", Sealed(b"x")]
    )
    def test_update_is_refused(self, note, value):
        with pytest.raises(SealedFieldError), transaction.atomic():
            SealedNote.objects.update(text=value)
        assert SealedNote.objects.get(pk=note.pk).text == "caries"

    def test_update_with_another_rows_envelope_is_refused(self, note):
        envelope = SealedNote.objects.values_list("text", flat=True).get(pk=note.pk)
        with pytest.raises(SealedFieldError):
            SealedNote.objects.update(text=envelope)

    @pytest.mark.parametrize("value", ["abscess", None])
    def test_bulk_update_is_refused(self, note, value):
        note.extra = value
        with pytest.raises(SealedFieldError):
            SealedNote.objects.bulk_update([note], ["extra"])

    @pytest.mark.parametrize(
        "lookup",
        [{"text": "caries"}, {"text": None}, {"text__in": ["caries"]}, {"text__contains": "car"},
         {"facts": {}}, {"facts__tooth": 11}, {"facts__has_key": "tooth"}, {"text__gt": b""}],
    )  # fmt: skip
    def test_a_search_is_refused(self, note, lookup):
        with pytest.raises(FieldError):
            SealedNote.objects.filter(**lookup).exists()

    def test_null_can_be_asked_for(self, note):
        assert SealedNote.objects.filter(extra__isnull=True, facts__isnull=False).get() == note

    def test_a_fixture_is_refused(self, note):
        with pytest.raises(SealedFieldError):
            SealedNote._meta.get_field("text").value_to_string(note)


class TestReveal:
    def test_opens_what_an_instance_keeps_and_what_values_yield(self, note):
        field = SealedNote._meta.get_field("text")
        assert field.reveal(note.__dict__["text"], note.pk) == "caries"
        assert field.reveal(SealedNote.objects.values_list("text", flat=True).get(), str(note.pk)) == "caries"
        assert field.reveal("abscess", note.pk) == "abscess"
        assert field.reveal(None, note.pk) is None


class TestDefinition:
    def test_goes_into_migrations_with_its_context(self):
        field = EncryptedTextField("text", context="a.b.c", max_length=9, blank=True)
        _, path, args, kwargs = field.deconstruct()
        assert (path, args) == ("apps.core.fields.EncryptedTextField", [])
        assert kwargs == {"verbose_name": "text", "max_length": 9, "blank": True, "context": "a.b.c"}
        assert field.clone().context == "a.b.c"
        assert "context='a.b.c'" in MigrationWriter.serialize(EncryptedJSONField(context="a.b.c"))[0]

    def test_is_a_bytea(self):
        assert SealedNote._meta.get_field("text").db_type(connection) == "bytea"
        assert SealedNote._meta.get_field("facts").db_type(connection) == "bytea"

    @isolate_apps("tests.core.lab")
    def test_is_checked(self):
        class Wrong(models.Model):
            one = EncryptedTextField()
            two = EncryptedTextField(context="a.b.c", unique=True)
            three = EncryptedJSONField(context="a.b.d", db_index=True)

            class Meta:
                app_label = "lab"

            def __str__(self):
                return "wrong"

        found = [
            (error.obj.name, error.id) for error in Wrong.check() if (error.id or "").startswith("core.")
        ]
        assert found == [("one", "core.E001"), ("two", "core.E002"), ("three", "core.E002")]


class TestSealedFields:
    def test_lists_every_sealed_column(self):
        mine = [(model, field.name) for model, field in sealed_fields() if model is SealedNote]
        assert mine == [(SealedNote, "text"), (SealedNote, "extra"), (SealedNote, "facts")]

    def test_no_context_is_used_twice(self):
        contexts = [field.context for _, field in sealed_fields()]
        assert len(contexts) == len(set(contexts))

    def test_old_keys_still_open(self, settings, note):
        settings.APP_KMS_KEY = f"next:{base64.b64encode(b'n' * 32).decode()},{settings.APP_KMS_KEY}"
        assert SealedNote.objects.get(pk=note.pk).text == "caries"
