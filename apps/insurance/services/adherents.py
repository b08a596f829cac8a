"""Registering insured people and keeping their cards."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer
from apps.insurance.identifiers import identity_index, normalise_identity
from apps.insurance.models import Adherent
from apps.insurance.services.guards import hold, own_insurer, own_row, today_at
from apps.patients.identifiers import normalise_phone

OLDEST: Final = date(1880, 1, 1)
COUNTRIES: Final = {"EUR": "FR", "TND": "TN"}


class AdherentExists(DomainError):
    """The insurer knows somebody with this national identifier already; `adherent` names them."""

    code = "ADHERENT_EXISTS"
    message = _("An insured person with this national identifier is registered already.")


@service("insurance.adherent.register")
def register_adherent(*, actor: Viewer, insurer: Insurer, at: datetime, **fields: Any) -> Adherent:
    """Register a person with an insurer; refuses invalid values and a person who is registered (AdherentExists)."""
    adherent = Adherent(insurer=own_insurer(actor, insurer))
    fill(adherent, fields, today=today_at(insurer, at))
    refuse_known(adherent)
    adherent.save()
    return adherent


@service("insurance.adherent.change")
def change_adherent(*, actor: Viewer, adherent: Adherent, at: datetime, **changes: Any) -> Adherent:
    """Change a person's card; refuses invalid values and the identifier of somebody else (AdherentExists)."""
    own_row(actor, adherent.insurer_id)
    adherent = Adherent.objects.select_for_update(of=("self",)).select_related("insurer").get(pk=adherent.pk)
    former = adherent.national_id_hash
    fill(adherent, changes, today=today_at(adherent.insurer, at))
    if adherent.national_id_hash != former:
        refuse_known(adherent)
    adherent.save()
    return adherent


def fill(adherent: Adherent, fields: dict[str, Any], *, today: date) -> None:
    """Assign cleaned values and check the row as a whole; uniqueness is the caller's question."""
    wrong: dict[str, list[Any]] = {}
    for name, value in fields.items():
        try:
            setattr(adherent, name, cleaned(adherent, name, value))
        except ValidationError as error:
            wrong[name] = error.messages
    if "date_of_birth" in fields and not OLDEST <= adherent.date_of_birth <= today:
        wrong.setdefault("date_of_birth", [_("This birth date is not possible.")])
    if wrong:
        raise ValidationError(wrong)
    adherent.national_id_hash = identity_index(adherent.national_id)
    adherent.full_clean(validate_unique=False, validate_constraints=False)
    if (adherent.lat is None) != (adherent.lng is None):
        raise ValidationError({"lat": [_("A place has both a latitude and a longitude.")]})


def cleaned(adherent: Adherent, name: str, value: Any) -> Any:
    """Return a value as it is stored."""
    if name == "national_id":
        return normalise_identity(value)
    if name == "phone" and value:
        return normalise_phone(value, COUNTRIES.get(adherent.insurer.currency, "FR"))
    return value.strip() if isinstance(value, str) else value


def refuse_known(adherent: Adherent) -> None:
    """Refuse a national identifier the insurer has; two who register one person at once see each other."""
    hold(f"adherent:{adherent.insurer_id}:{adherent.national_id_hash}")
    same = Adherent.objects.current().filter(
        insurer=adherent.insurer_id, national_id_hash=adherent.national_id_hash
    )
    known = same.exclude(pk=adherent.pk).values_list("pk", flat=True).first()
    if known is not None:
        raise AdherentExists(adherent=str(known))
