"""The demo's payer network: insured people, contracts, conventions and two price lists of the year.

One insurer pays the Tunisian providers in dinars, another the dental practices in euros; the third, Nora's, starts with
nothing on purpose. Everything goes through the services of the insurers' own people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any, Final

from apps.catalog.models import Tariff
from apps.core.scope import SystemActor, Viewer
from apps.demo.houses import DentalHouse
from apps.demo.names import plain
from apps.directory.models import Insurer, Practice
from apps.directory.services import change_insurer
from apps.insurance.models import Adherent, Contract
from apps.insurance.services.adherents import register_adherent
from apps.insurance.services.contracts import change_contract, write_contract
from apps.insurance.services.conventions import agree_convention, publish_bareme
from apps.insurance.services.members import add_member
from apps.patients.models import Patient

WOMEN: Final = "Salma Amira Rim Olfa Sonia Hajer Meriem Nesrine Wafa Asma Ines Leïla".split()
MEN: Final = "Youssef Walid Nabil Hatem Slim Anis Mourad Bilel Fethi Karim Zied Tarek".split()
FAMILIES: Final = (
    "Trabelsi Jaziri Mejri Ayari Bouazizi Chebbi Dridi Hammami Karoui Louati Mansouri Zouari".split()
)
TOWNS: Final = (
    ("Tunis", "36.806500", "10.181500"), ("La Marsa", "36.878200", "10.324700"), ("Ariana", "36.862500", "10.195600"),
    ("Ben Arous", "36.753100", "10.218900"), ("Nabeul", "36.456100", "10.737600"),
)  # fmt: skip
SINGLES, CHILDREN, EMPLOYEES, PATIENTS = 8, (2, 3, 1, 4), 6, 20

INDIVIDUAL: Final[dict[str, Any]] = {
    "pharmacy": {
        "rate_bp": 8000, "generic_rate_bp": 9000, "brand_policy": "reference_price", "annual_sublimit": 600_000,
    },
    "consultation": {"rate_bp": 7000},
    "hospitalization": {"rate_bp": 8500, "waiting_days": 90, "deductible_per_claim": 50_000, "claim_cap": 1_200_000},
    "laboratory": {"rate_bp": 8000},
    "dental": {"rate_bp": 6000, "annual_sublimit": 800_000},
}  # fmt: skip
CORPORATE: Final[dict[str, Any]] = {
    "pharmacy": {"rate_bp": 8500, "generic_rate_bp": 9500, "brand_policy": "reference_price"},
    "consultation": {"rate_bp": 8000, "acts": {"C2": {"cap": 60_000}}},
    "hospitalization": {"rate_bp": 9000, "outside_limit": True},
    "laboratory": {"rate_bp": 8000, "acts": {"B-NFS": {"max_qty": 2, "per_days": 30}}},
    "dental": {"rate_bp": 8000, "annual_sublimit": 800_000},
}  # fmt: skip
MUTUAL: Final[dict[str, Any]] = {
    "dental": {"rate_bp": 10_000, "of_base_bp": 20_000, "prior_included": True, "annual_sublimit": 150_000},
}
EXCLUSIONS: Final = [{"prefix": "COSM"}]
RULES: Final[dict[str, Any]] = {
    "filing_days": 60,
    "agent_up_to": 500_000,
    "two_person_above": 2_000_000,
    "review_first_claim": False,
    "timezone": "Africa/Tunis",
    "currency": "TND",
    "fraud": {"review_at": 30, "block_at": 70, "rules": {}},
    "reconciliation": {
        "cycle": "monthly",
        "retentions": [
            {
                "code": "RS-HONORAIRES", "kind": "withholding_tax", "rate_bp": 300, "base": "covered",
                "provider_types": ["medical", "clinic", "laboratory"], "valid_from": "2021-01-01",
            },
        ],
    },
}  # fmt: skip
# code: (category, price in the first half of the year, in the second, more)
TUNISIAN_ACTS: Final[dict[str, tuple[str, int, int, dict[str, Any]]]] = {
    "C1": ("consultation", 50_000, 50_000, {"minutes": 15, "label": "Consultation généraliste"}),
    "C2": ("consultation", 70_000, 75_000, {"minutes": 25, "label": "Consultation spécialiste"}),
    "MED-A-BRAND": ("pharmacy", 24_750, 24_750, {"generic_group": "MED-A", "label": "Princeps A"}),
    "MED-A-GEN": (
        "pharmacy",
        15_300,
        15_300,
        {"generic_group": "MED-A", "is_generic": True, "label": "Générique A"},
    ),
    "MED-B": ("pharmacy", 8_333, 8_333, {"label": "Médicament B"}),
    "MED-C": ("pharmacy", 31_900, 33_400, {"label": "Médicament C"}),
    "B-NFS": ("laboratory", 12_000, 12_500, {"label": "Numération formule sanguine"}),
    "B-GLY": ("laboratory", 6_500, 6_500, {"label": "Glycémie"}),
    "B-LIP": ("laboratory", 21_000, 22_000, {"label": "Bilan lipidique"}),
    "HOSP-DAY": (
        "hospitalization",
        180_000,
        190_000,
        {"repeatable": True, "label": "Journée d'hospitalisation"},
    ),
    "SURG-1": ("hospitalization", 900_000, 900_000, {"label": "Acte chirurgical"}),
}
BILLED: Final[dict[str, tuple[str, ...]]] = {
    "pharmacy": ("pharmacy",),
    "laboratory": ("laboratory",),
    "clinic": ("hospitalization", "consultation", "laboratory"),
    "medical": ("consultation",),
}


class Desk(SystemActor):
    """The unattended desk of an insurer that has no login in the demo."""

    def __init__(self, insurer: Insurer) -> None:
        super().__init__("demo")
        self.insurer_id = insurer.pk


@dataclass(slots=True)
class Payer:
    """One insurer filling its files."""

    insurer: Insurer
    desk: Viewer
    random: Random
    now: datetime
    step: Callable[[], None]
    number: int = 0

    def insured(self, *, child: bool = False, family: str = "") -> Adherent:
        """Register somebody who does not exist, with an identity card of a range nobody has."""
        self.number += 1
        gender = self.random.choice("FM")
        first = self.random.choice(WOMEN if gender == "F" else MEN)
        last = family or self.random.choice(FAMILIES)
        city, lat, lng = self.random.choice(TOWNS)
        years = self.random.randint(2, 16) if child else self.random.randint(24, 66)
        self.step()
        return register_adherent(
            actor=self.desk,
            insurer=self.insurer,
            at=self.now,
            national_id=f"099{self.number:05d}",
            first_name=first,
            last_name=last,
            date_of_birth=date(self.now.year - years, self.random.randint(1, 12), self.random.randint(1, 28)),
            gender=gender,
            phone="" if child else f"+2169800{self.number:04d}",
            email="" if child else f"{plain(first)}.{plain(last)}.{self.number}@example.test",
            address=f"{self.random.randint(1, 90)} avenue Habib-Bourguiba",
            city=city,
            lat=lat,
            lng=lng,
        )

    def contract(self, person: Adherent, *, year: int | None = None, **terms: Any) -> Contract:
        """Write a contract of a calendar year; numbers tell plan and year."""
        year, plan = year or self.now.year, terms["plan_type"]
        self.number += 1
        return write_contract(
            actor=self.desk,
            insurer=self.insurer,
            adherent=person,
            at=self.now,
            contract_number=f"{self.insurer.code}-{plan[0].upper()}-{year}-{self.number:05d}",
            start_date=date(year, 1, 1),
            end_date=date(year, 12, 31),
            **terms,
        )

    def join(self, contract: Contract, people: Iterable[tuple[str, Adherent]]) -> None:
        """Put people under a contract from its first day."""
        for relation, person in people:
            add_member(actor=self.desk, contract=contract, adherent=person, relation=relation)

    def agree(
        self, practice: Practice, price_lists: list[tuple[date, dict[str, Any]]], **fields: Any
    ) -> None:
        """Agree with a provider since two years, and publish its price lists in order."""
        start = date(self.now.year - 2, 1, 1)
        convention = agree_convention(
            actor=self.desk, insurer=self.insurer, practice=practice, start_date=start, **fields
        )
        for since, content in price_lists:
            version = f"{since:%Y-%m}"
            publish_bareme(
                actor=self.desk, convention=convention, version=version, effective_from=since, **content
            )
        self.step()


def build_payers(
    *,
    insurers: list[Insurer],
    head: Viewer,
    houses: list[DentalHouse],
    providers: dict[str, Practice],
    random: Random,
    now: datetime,
    step: Callable[[], None],
) -> None:
    """Fill the files of the Tunisian insurer, whose head is given, and of the dental practices' mutual."""
    by_code = {insurer.code: insurer for insurer in insurers}
    cap = change_insurer(actor=head, insurer=by_code["CAP"], config=RULES)
    build_tunisian(Payer(cap, head, random, now, step), providers)
    mutual = by_code["QUAIS"]
    build_dental(Payer(mutual, Desk(mutual), random, now, step), houses)


def build_tunisian(payer: Payer, providers: dict[str, Practice]) -> None:
    """Individuals (some renewed, one suspended, one cancelled), families and a firm, and four kinds of provider."""
    plan: dict[str, Any] = {
        "plan_type": "individual", "carence_days": 30, "annual_limit": 2_000_000, "coverage": INDIVIDUAL,
        "exclusions": EXCLUSIONS,
    }  # fmt: skip
    written = []
    for number in range(SINGLES):
        person = payer.insured()
        if number % 2:
            payer.contract(person, year=payer.now.year - 1, **plan)
        written.append(payer.contract(person, **plan))
    for contract, status, month in ((written[-2], "suspended", 6), (written[-1], "cancelled", 9)):
        change_contract(
            actor=payer.desk,
            contract=contract,
            at=payer.now,
            status=status,
            status_from=date(payer.now.year, month, 1),
            status_reason="Cotisations impayées",
        )
    limits = [200_000, 250_000, 300_000, 350_000, 400_000]
    family = {**plan, "plan_type": "family", "annual_limit": None, "limit_by_dependants": limits}
    for children in CHILDREN:
        parent = payer.insured()
        contract = payer.contract(parent, **family)
        people = [("spouse", payer.insured(family=parent.last_name))]
        people += [("child", payer.insured(child=True, family=parent.last_name)) for _n in range(children)]
        payer.join(contract, people)
    firm = payer.contract(
        payer.insured(),
        plan_type="corporate",
        annual_limit=50_000_000,
        coverage=CORPORATE,
        exclusions=EXCLUSIONS,
    )
    payer.join(firm, [("employee", payer.insured()) for _n in range(EMPLOYEES)])
    for practice in providers.values():
        liability = "provider" if practice.kind == Practice.Kind.CLINIC else "patient"
        payer.agree(practice, tunisian_prices(practice.kind, payer.now.year), excess_liability=liability)


def tunisian_prices(kind: str, year: int) -> list[tuple[date, dict[str, Any]]]:
    """Return the two price lists of a year for a kind of provider."""
    found = []
    for half, month in enumerate((1, 7)):
        acts = {
            code: {"price": (first, second)[half], "category": category, **more}
            for code, (category, first, second, more) in TUNISIAN_ACTS.items()
            if category in BILLED[kind]
        }
        content: dict[str, Any] = {"acts": acts, "default": "reject"}
        if "pharmacy" in BILLED[kind]:
            content["reference_prices"] = {"MED-A": 15_300}
        if "consultation" in BILLED[kind]:
            content["incompatible"] = [["C1", "C2", "day"]]
        found.append((date(year, month, 1), content))
    return found


def build_dental(payer: Payer, houses: list[DentalHouse]) -> None:
    """Insure some of the dental practices' patients, in euros, above the mandatory scheme."""
    for house in houses:
        payer.agree(house.practice, dental_prices(payer.now.year))
        known = Patient.objects.filter(practice=house.practice, national_id_hash__isnull=False)
        for patient in known.order_by("file_number")[:PATIENTS]:
            person = register_adherent(
                actor=payer.desk,
                insurer=payer.insurer,
                at=payer.now,
                national_id=patient.national_id,
                first_name=patient.first_name,
                last_name=patient.last_name,
                date_of_birth=patient.birth_date,
                gender="F" if patient.sex == Patient.Sex.FEMALE else "M",
                phone=patient.phone,
                email=patient.email,
                address=patient.address,
                city=patient.city,
            )
            payer.contract(
                person, plan_type="individual", coverage=MUTUAL, exclusions=[{"code": "HN-BLANCH"}]
            )
            payer.step()


def dental_prices(year: int) -> list[tuple[date, dict[str, Any]]]:
    """Return the two price lists of a year: every act of the catalogue, its base of reimbursement beside its price."""
    acts: dict[str, Any] = {}
    tariffs = Tariff.objects.filter(valid_to__isnull=True).select_related("act")
    for tariff in tariffs.order_by("act__code"):
        act = tariff.act
        acts[act.code] = {
            "price": tariff.cap if tariff.cap is not None else tariff.price,
            # What has no base is not covered by the mandatory scheme: nothing to take a percentage of.
            "base": tariff.brss or 0,
            "category": "dental",
            "minutes": act.duration_minutes,
            "label": act.label_fr[:200],
        }
    content = {"acts": acts, "default": "reject"}
    return [(date(year, 1, 1), content), (date(year, 7, 1), content)]
