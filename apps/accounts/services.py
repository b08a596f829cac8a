"""Writes of user accounts: who may be made what, and by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.mfa import clear
from apps.accounts.models import Session, User
from apps.accounts.roles import GRANTABLE, ROLES_BY_KIND, Role
from apps.accounts.sessions import end_all_sessions, end_family
from apps.core.errors import DomainError, InvalidInput, NotVisible, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service

RUNS_A_HOUSE = frozenset({Role.PRACTICE_ADMIN, Role.CLINIC_ADMIN, Role.INSURER_ADMIN, Role.ADMIN})


class LastAdministrator(DomainError):
    """Nobody would be left to run the house."""

    code = "LAST_ADMINISTRATOR"
    message = _("This is the last administrator of the house. Name another one first.")


class OwnAccount(DomainError):
    """One does not take away one's own access or change one's own role."""

    code = "OWN_ACCOUNT"
    message = _("You cannot change your own role or access. Ask another administrator.")


@service("accounts.user.create")
def create_user(*, actor: Viewer, at: datetime, password: str = "", **fields: Any) -> User:
    """Create an account in the actor's house; the platform's admin names the house.

    Refuses a role the actor may not grant, a house that is not theirs, a practitioner of another practice and
    a weak first password. Without a password nobody can log in until one is chosen.
    """
    if not actor.has_perm("accounts.add_user"):
        raise PermissionRefused
    user = User(**{**fields, "email": str(fields.get("email", "")).strip().lower()})
    if actor.role != Role.ADMIN:
        user.practice_id, user.insurer_id = actor.practice_id, actor.insurer_id
    check_role(actor, user.role)
    check_house(user)
    check_practitioner(user)
    if password:
        check_new_password(password, user)
        user.set_password(password)
    else:
        user.set_unusable_password()
    user.full_clean()
    user.save()
    return user


@service("accounts.user.update")
def update_user(*, actor: Viewer, user: User, at: datetime, **changes: Any) -> User:
    """Change an account of the actor's house; a new role ends its sessions.

    Refuses what `create_user` refuses, one's own role, and taking the last administrator's role away.
    """
    if not actor.has_perm("accounts.change_user"):
        raise PermissionRefused
    user = locked(actor, user)
    if actor.role != Role.ADMIN:
        changes = {name: value for name, value in changes.items() if name not in {"practice", "insurer"}}
    if "email" in changes:
        changes["email"] = str(changes["email"]).strip().lower()
    former = user.role
    if changes.get("role", former) != former:
        if user.pk == actor.id:
            raise OwnAccount
        check_role(actor, changes["role"])
        keep_an_administrator(user)
    if "email" in changes and changes["email"] != user.email and user.pk != actor.id and not user.is_invited:
        # Whoever holds the mailbox can set the password, and nobody sets another's.
        raise InvalidInput(email=[_("Only the owner of an account in use can change its address.")])
    for name, value in changes.items():
        setattr(user, name, value)
    if changes.keys() & {"role", "practice", "insurer"}:
        check_house(user)
    check_practitioner(user)
    user.full_clean()
    user.save()
    if user.role != former:
        end_all_sessions(actor=actor, user=user, at=at)
    return user


@service("accounts.user.deactivate")
def deactivate_user(*, actor: Viewer, user: User, at: datetime) -> User:
    """Close an account and end its sessions; refuses one's own and the house's last administrator."""
    if not actor.has_perm("accounts.change_user"):
        raise PermissionRefused
    user = locked(actor, user)
    if user.pk == actor.id:
        raise OwnAccount
    keep_an_administrator(user)
    user.is_active = False
    user.save(update_fields=["is_active", "updated_at"])
    end_all_sessions(actor=actor, user=user, at=at)
    return user


@service("accounts.user.reactivate")
def reactivate_user(*, actor: Viewer, user: User, at: datetime) -> User:
    """Open a closed account again."""
    if not actor.has_perm("accounts.change_user"):
        raise PermissionRefused
    user = locked(actor, user)
    user.is_active = True
    user.save(update_fields=["is_active", "updated_at"])
    return user


@service("accounts.mfa.reset")
def reset_mfa(*, actor: Viewer, user: User, at: datetime) -> User:
    """Remove the lost second factor of somebody of the actor's house and end their sessions.

    Refuses one's own: that one is removed with a proof.
    """
    if not actor.has_perm("accounts.change_user"):
        raise PermissionRefused
    user = locked(actor, user)
    if user.pk == actor.id:
        raise OwnAccount
    clear(user)
    end_all_sessions(actor=actor, user=user, at=at)
    return user


@service("accounts.password.change")
def change_own_password(*, actor: User, password: str, at: datetime, keep: Session | None = None) -> User:
    """Set the actor's own new password and end every session but `keep`; refuses a weak one."""
    check_new_password(password, actor)
    actor.set_password(password)
    actor.save(update_fields=["password", "updated_at"])
    end_all_sessions(actor=actor, user=actor, keep=keep, at=at)
    return actor


@service("accounts.session.revoke")
def revoke_session(*, actor: Viewer, session: Session, at: datetime) -> None:
    """End one login of an account of the actor's house."""
    if not actor.has_perm("accounts.change_user"):
        raise PermissionRefused
    locked(actor, session.user)
    end_family(session, at=at)


def locked(actor: Viewer, user: User) -> User:
    """Read the account again under lock; one the actor cannot see does not exist, one above them is refused.

    The administrators of its house are locked with it, all in one order: two of them who remove each other
    at once must neither both succeed nor wait for each other.
    """
    house = Q(role__in=RUNS_A_HOUSE, practice_id=user.practice_id, insurer_id=user.insurer_id)
    rows = User.objects.visible_to(actor).filter(Q(pk=user.pk) | house).order_by("pk")
    held = {row.pk: row for row in rows.select_for_update(of=("self",), no_key=True)}
    found: User | None = held.get(user.pk)
    if found is None:
        raise NotVisible
    check_role(actor, found.role, error=PermissionRefused)
    return found


def check_role(actor: Viewer, role: str, error: type[DomainError] = InvalidInput) -> None:
    """Refuse a role the actor may not grant."""
    if role not in GRANTABLE.get(actor.role, frozenset()):
        raise error(role=[_("You cannot grant this role.")]) if error is InvalidInput else error


def check_house(user: User) -> None:
    """Refuse a role that does not work in this kind of practice; the table itself checks role and house."""
    if user.practice is not None and user.role not in ROLES_BY_KIND.get(user.practice.kind, frozenset()):
        raise InvalidInput(role=[_("Nobody has this role in a practice of this kind.")])


def check_practitioner(user: User) -> None:
    """Refuse a practitioner of another practice, worded as for one that does not exist."""
    person = user.practitioner
    if person is not None and person.practice_id != user.practice_id:
        raise InvalidInput(practitioner=[_("This does not exist.")])


def check_new_password(password: str, user: User) -> None:
    """Refuse a weak password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(password=list(error.messages)) from error


def keep_an_administrator(user: User) -> None:
    """Refuse to lose the last administrator of the house; `locked` holds them all while this counts."""
    if user.role not in RUNS_A_HOUSE or not user.is_active:
        return
    peers = User.objects.filter(
        role=user.role, is_active=True, practice_id=user.practice_id, insurer_id=user.insurer_id
    )
    if not peers.exclude(pk=user.pk).exists():
        raise LastAdministrator
