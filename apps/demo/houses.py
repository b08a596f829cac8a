"""The demo's practices, insurers and accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer, OpeningHours, Practice, Practitioner, Room
from apps.directory.services import set_bank_account

PASSWORD = "demo-osdentaire-2026"  # noqa: S105 - printed on purpose; these accounts exist nowhere else


@dataclass(frozen=True, slots=True)
class DentalHouse:
    """A dental practice with its people and rooms."""

    practice: Practice
    dentists: list[Practitioner]
    assistants: list[Practitioner]
    rooms: list[Room]


# Made-up accounts with right keys, by who keeps them; the clinic has not said where it is paid.
ACCOUNTS = {
    "dora": "FR7630006000011234567890189",
    "paula": "10006035183598470101",
    "lea": "08003012345678901269",
    "doc": "25041001122334455686",
}
LILAS = {
    "name": "Cabinet dentaire des Lilas",
    "kind": Practice.Kind.DENTAL,
    "license_no": "DEMO-DENT-1",
    "legal_form": "SELARL au capital de 10 000 €",
    "siret": "73282932000074",
    "address": "12 rue des Lilas",
    "postal_code": "69003",
    "city": "Lyon",
    "lat": "45.759900",
    "lng": "4.850700",
    "phone": "+33199001234",
    "email": "accueil@lilas.example.test",
}
PORT = {
    "name": "Cabinet dentaire du Port",
    "kind": Practice.Kind.DENTAL,
    "license_no": "DEMO-DENT-2",
    "siret": "90123456700013",
    "address": "3 quai du Port",
    "postal_code": "13002",
    "city": "Marseille",
    "lat": "43.296500",
    "lng": "5.369800",
    "phone": "+33199004321",
    "email": "accueil@port.example.test",
    "vat_status": Practice.VatStatus.FRANCHISE,
}
NETWORK = (
    (
        "Pharmacie de la Médina",
        Practice.Kind.PHARMACY,
        "DEMO-PHA-1",
        "paula",
        Role.PHARMACIST,
        "Paula",
        "Trabelsi",
    ),
    ("Laboratoire du Lac", Practice.Kind.LABORATORY, "DEMO-LAB-1", "lea", Role.LAB_MANAGER, "Léa", "Gharbi"),
    (
        "Clinique des Jasmins",
        Practice.Kind.CLINIC,
        "DEMO-CLI-1",
        "hugo",
        Role.CLINIC_ADMIN,
        "Hugo",
        "Ben Salah",
    ),
    ("Cabinet médical Carthage", Practice.Kind.MEDICAL, "DEMO-MED-1", "doc", Role.DOCTOR, "Dorra", "Mansour"),
)


@service("demo.houses.build")
def build_dental_houses(*, actor: Viewer) -> list[DentalHouse]:
    """Create both dental practices: Ana's with three rooms and two dentists, Cleo's with two and two."""
    lilas = build_house(
        LILAS,
        dentists=(("Ana", "Morel", "10001234565", "#2563eb"), ("Luc", "Petit", "10109876549", "#059669")),
        assistants=(("Ben", "Roche"), ("Maya", "Colin")),
        rooms=(
            ("Fauteuil 1", Room.Kind.TREATMENT),
            ("Fauteuil 2", Room.Kind.TREATMENT),
            ("Chirurgie", Room.Kind.SURGERY),
        ),
        hours=(time(8), time(19)),
    )
    port = build_house(
        PORT,
        dentists=(("Cleo", "Marin", "10000000009", "#7c3aed"), ("Paul", "Riva", "", "#db2777")),
        assistants=(("Carl", "Vidal"),),
        rooms=(("Salle bleue", Room.Kind.TREATMENT), ("Salle verte", Room.Kind.TREATMENT)),
        hours=(time(9), time(18)),
    )
    return [lilas, port]


def build_house(
    fields: Mapping[str, object],
    *,
    dentists: tuple[tuple[str, str, str, str], ...],
    assistants: tuple[tuple[str, str], ...],
    rooms: tuple[tuple[str, str], ...],
    hours: tuple[time, time],
) -> DentalHouse:
    """Create one practice, open Monday to Friday."""
    practice = Practice.objects.create(**fields)
    made = [
        Room.objects.create(practice=practice, name=name, kind=kind, position=n)
        for n, (name, kind) in enumerate(rooms)
    ]
    OpeningHours.objects.bulk_create(
        OpeningHours(practice=practice, weekday=day, opens_at=hours[0], closes_at=hours[1])
        for day in range(1, 6)
    )
    doctors = [
        Practitioner.objects.create(
            practice=practice,
            title="Dr",
            first_name=first,
            last_name=last,
            rpps=rpps,
            speciality="Chirurgie dentaire",
            color=color,
            default_room=made[n % len(made)],
        )
        for n, (first, last, rpps, color) in enumerate(dentists)
    ]
    helpers = [
        Practitioner.objects.create(
            practice=practice,
            kind=Practitioner.Kind.ASSISTANT,
            first_name=first,
            last_name=last,
            color="#94a3b8",
        )
        for first, last in assistants
    ]
    return DentalHouse(practice, doctors, helpers, made)


@service("demo.network.build")
def build_network(*, actor: Viewer) -> tuple[list[Insurer], dict[str, Practice]]:
    """Create the insurers, and the providers around the dental practices."""
    insurers = [
        Insurer.objects.create(name="Assurance maladie", code="AMO", kind=Insurer.Kind.MANDATORY),
        Insurer.objects.create(name="Mutuelle des Quais", code="QUAIS"),
        Insurer.objects.create(name="Assurances du Cap", code="CAP", currency="TND"),
        Insurer.objects.create(name="Prévoyance du Nord", code="NORD", currency="TND"),
    ]
    providers = {
        login: Practice.objects.create(
            name=name,
            kind=kind,
            license_no=license_no,
            city="Tunis",
            country="TN",
            timezone="Africa/Tunis",
            currency="TND",
        )
        for name, kind, license_no, login, _role, _first, _last in NETWORK
    }
    return insurers, providers


@service("demo.accounts.build")
def build_accounts(
    *, actor: Viewer, houses: list[DentalHouse], insurers: list[Insurer], providers: dict[str, Practice]
) -> dict[str, User]:
    """Create the demo logins; all share one printed password."""
    lilas, port = houses
    by_code = {insurer.code: insurer for insurer in insurers}
    rows = [
        account(
            "ana", Role.PRACTITIONER, "Ana", "Morel", practice=lilas.practice, practitioner=lilas.dentists[0]
        ),
        account(
            "ben", Role.ASSISTANT, "Ben", "Roche", practice=lilas.practice, practitioner=lilas.assistants[0]
        ),
        account("dora", Role.PRACTICE_ADMIN, "Dora", "Keller", practice=lilas.practice),
        account(
            "cleo", Role.PRACTITIONER, "Cleo", "Marin", practice=port.practice, practitioner=port.dentists[0]
        ),
        account(
            "carl", Role.ASSISTANT, "Carl", "Vidal", practice=port.practice, practitioner=port.assistants[0]
        ),
        account("ines", Role.INSURER_ADMIN, "Inès", "Belhadj", insurer=by_code["CAP"]),
        account("omar", Role.INSURER_AGENT, "Omar", "Sassi", insurer=by_code["CAP"]),
        account("nora", Role.INSURER_ADMIN, "Nora", "Khelifi", insurer=by_code["NORD"]),
        account("quentin", Role.INSURER_ADMIN, "Quentin", "Lemoine", insurer=by_code["QUAIS"]),
        account("admin", Role.ADMIN, "Alex", "Martin"),
    ]
    rows += [
        account(login, role, first, last, practice=providers[login])
        for _name, _kind, _license, login, role, first, last in NETWORK
    ]
    users = {user.email.partition("@")[0]: user for user in rows}
    for login, iban in ACCOUNTS.items():
        practice = users[login].practice
        if practice is not None:
            set_bank_account(actor=users[login], practice=practice, iban=iban)
    return users


def account(login: str, role: Role, first_name: str, last_name: str, **house: object) -> User:
    """Create one demo login."""
    user = User(email=f"{login}@demo.test", role=role, first_name=first_name, last_name=last_name, **house)
    user.set_password(PASSWORD)
    user.full_clean()
    user.save()
    return user
