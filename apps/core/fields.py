"""Model fields whose column holds a sealed envelope and whose attribute holds the value.

The envelope is bound to the field's `context` (a frozen string: renaming a table must not lock its data away)
and to the row's primary key. Saving a copy of an instance under another key is refused until the value is
assigned anew.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import FieldError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from apps.core.crypto import DecryptionFailed, open_sealed, seal

_CONTEXT = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+){2}")


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
    _TextField = models.TextField[Any, Any]
    _JSONField = models.JSONField[Any, Any]
else:
    _Field, _TextField, _JSONField = models.Field, models.TextField, models.JSONField


class SealedFieldError(FieldError):
    """A sealed field is used in a way that would store, or look for, something else than its own envelope."""


class Sealed(bytes):
    """An envelope as it stands in the database; `.values()` yields it."""

    __slots__ = ()


class _Writable(Sealed):
    """An envelope that opens for the row about to be written; nothing else reaches a column."""

    __slots__ = ()


class SealedAttribute(DeferredAttribute):
    """Opens on every reading; the instance keeps the envelope, so a cached or pickled row stays sealed."""

    field: SealedField

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        return self.field.reveal(super().__get__(instance, cls), instance.pk)

    def __set__(self, instance: models.Model, value: Any) -> None:
        kept = instance.__dict__.get(self.field.attname)
        # full_clean() and refresh_from_db() assign what they have read: no change, hence no new envelope.
        if not (isinstance(kept, Sealed) and self.field.opens_to(kept, value, instance.pk)):
            instance.__dict__[self.field.attname] = self.field.accept(value)


class SealedField(_Field):
    """What sealed fields share; stands before the Django field that says how people edit the value."""

    descriptor_class = SealedAttribute

    def __init__(self, *args: Any, context: str = "", **kwargs: Any) -> None:
        self.context = context
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        """Keep the context in migrations: historical models open the same values."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, list(args), {**kwargs, "context": self.context}

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Refuse what cannot work on a ciphertext that differs at every write."""
        found = list(super().check(**kwargs))
        if not _CONTEXT.fullmatch(self.context):
            found.append(checks.Error("context must read app.model.field", obj=self, id="core.E001"))
        if self.unique or getattr(self, "db_index", False) or self.primary_key:
            found.append(checks.Error("a sealed column cannot be indexed", obj=self, id="core.E002"))
        return found

    def get_internal_type(self) -> str:
        """Store bytes."""
        return "BinaryField"

    def dump(self, value: Any) -> bytes:
        """Return the plaintext bytes of a value; raise TypeError or ValueError when it is not one."""
        raise NotImplementedError

    def load(self, plaintext: bytes) -> Any:
        """Return the value of plaintext bytes."""
        raise NotImplementedError

    def accept(self, value: Any) -> Any:
        """Return what the instance keeps of an assigned value; bytes are refused: they are no value."""
        if isinstance(value, bytes | memoryview) and not isinstance(value, Sealed):
            raise TypeError(f"{self.context} takes a value, not bytes")
        return value

    def aad(self, pk: Any) -> str:
        """Return the context an envelope of one row is bound to."""
        if pk is None:
            raise SealedFieldError(
                f"{self.context} needs the row's primary key before it can be sealed or opened"
            )
        return f"{self.context}:{self.model._meta.pk.to_python(pk)}"

    def reveal(self, kept: Any, pk: Any) -> Any:
        """Return the value of what an instance keeps or `.values()` yields; raise `DecryptionFailed`."""
        return self.load(open_sealed(kept, context=self.aad(pk))) if isinstance(kept, Sealed) else kept

    def opens_to(self, kept: Sealed, value: Any, pk: Any) -> bool:
        """Say whether an envelope already holds this value; one that does not open holds nothing."""
        if value is None or isinstance(value, bytes | memoryview):
            return False
        try:
            return open_sealed(kept, context=self.aad(pk)) == self.dump(value)
        except (DecryptionFailed, SealedFieldError, TypeError, ValueError):
            return False

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal a newly assigned value; make sure that a kept envelope belongs to this row."""
        kept = model_instance.__dict__.get(self.attname)
        if kept is None:
            return None
        aad = self.aad(model_instance.pk)
        if isinstance(kept, Sealed):
            open_sealed(kept, context=aad)
        else:
            kept = Sealed(seal(self.dump(kept), context=aad))
            model_instance.__dict__[self.attname] = kept
        return _Writable(kept)

    def from_db_value(self, value: Any, *args: Any) -> Sealed | None:
        """Mark a column's bytes as the envelope they are."""
        return None if value is None else Sealed(value)

    def get_prep_value(self, value: Any) -> Any:
        """Leave the value to `get_db_prep_value`."""
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Let through NULL and what comes from `pre_save`: no bulk update, no fixture, no literal."""
        if value is None:
            return None
        if not isinstance(value, _Writable):
            raise SealedFieldError(f"{self.context} is written by save() and bulk_create() only")
        return connection.Database.Binary(bytes(value))

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Write as `get_db_prep_value` does; an expression would bypass it."""
        if hasattr(value, "as_sql"):
            raise SealedFieldError(f"{self.context} takes no expression")
        return self.get_db_prep_value(value, connection)

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Refuse the expressions of `update()` and `bulk_update()`, which reach the compiler unprepared."""
        if hasattr(value, "as_sql"):
            raise SealedFieldError(f"{self.context} takes no expression")
        return "%s"

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow `isnull`; nothing else means anything on a ciphertext."""
        if lookup_name != "isnull":
            raise SealedFieldError(f"{self.context} cannot be searched: use a blind index beside it")
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        """Offer no transform."""
        return None

    def value_to_string(self, obj: models.Model) -> str:
        """Refuse fixtures: they would carry the value in clear."""
        raise SealedFieldError(f"{self.context} does not go into fixtures")


class EncryptedTextField(SealedField, _TextField):
    """Text at rest under AES-256-GCM; `max_length` counts characters of the value."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def accept(self, value: Any) -> Any:
        """Take text, None or an envelope from the database."""
        if value is None or isinstance(value, str | Sealed):
            return value
        raise TypeError(f"{self.context} takes text, not {type(value).__name__}")

    def dump(self, value: Any) -> bytes:
        """Encode text."""
        if not isinstance(value, str):
            raise TypeError(f"{self.context} takes text, not {type(value).__name__}")
        return value.encode()

    def load(self, plaintext: bytes) -> str:
        """Decode text."""
        return plaintext.decode()


class EncryptedJSONField(SealedField, _JSONField):
    """JSON at rest under AES-256-GCM.

    Each reading of a stored value gives a fresh copy: change it and assign it back, an edit in place is not
    kept. None is NULL, not JSON null.
    """

    def dump(self, value: Any) -> bytes:
        """Encode JSON, keys sorted, so that equal values have equal bytes."""
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()

    def load(self, plaintext: bytes) -> Any:
        """Decode JSON."""
        return json.loads(plaintext)


def sealed_fields() -> list[tuple[type[models.Model], SealedField]]:
    """Return every sealed column with the model whose table holds it, in a stable order."""
    return [
        (model, field)
        for model in sorted(apps.get_models(include_auto_created=True), key=lambda m: m._meta.label_lower)
        if not model._meta.proxy and model._meta.managed
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField)
    ]
