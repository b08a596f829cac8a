"""Fictitious people: common names shuffled by a seeded generator; any likeness is chance."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

WOMEN = (
    "Jeanne Camille Léa Manon Inès Chloé Zoé Élise Agathe Clémence Noémie Anaïs Amélie Sarah Lucie Margaux Hélène "
    "Françoise Nadia Yasmine Aïcha Mireille Sylvie Béatrice Odette Rose Thérèse Solène Maëlle Océane"
).split()
MEN = (
    "Louis Hugo Jules Adam Gabriel Raphaël Théo Léo Noé Mathis Étienne François Rémi Loïc Yann Karim Mehdi Samir Marcel "
    "André Gérard Bernard Philippe Olivier Cédric Jérôme Aurélien Tristan Maël Côme"
).split()
FAMILIES = (
    "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefèvre Michel Garcia David "
    "Bertrand Roux Vincent Fournier Morel Girard André Mercier Dupont Lambert Bonnet François Martinez Legrand Garnier "
    "Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin Mathieu Clément Gauthier Dumont Lopez "
    "Fontaine Chevalier Robin Masson Sanchez Gérard Nguyen Boyer Denis Lemaire Duval Joly Gautier Roger Rivière Brun "
    "Gaillard Benali Haddad Traoré Diallo Kaya Costa Ferreira"
).split()
STREETS = (
    "rue des Lilas", "avenue de la République", "rue Victor-Hugo", "place du Marché", "rue de la Gare", "chemin des Vignes",
    "boulevard Voltaire", "rue du Moulin", "impasse des Acacias", "quai des Brumes", "rue Pasteur", "allée des Tilleuls",
)  # fmt: skip
PROFESSIONS = (
    "enseignante", "infirmier", "boulanger", "retraité", "étudiante", "comptable", "électricien", "graphiste",
    "conductrice de bus", "ingénieure", "cuisinier", "libraire", "assistante maternelle", "agriculteur", "",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    first_name: str
    last_name: str
    sex: str
    birth_date: date
    email: str
    phone: str
    address: str
    profession: str


def person(random: Random, *, number: int, today: date) -> Person:
    """Make person `number`; ages follow a practice's, from four to ninety years."""
    sex = random.choice(("female", "male"))
    first = random.choice(WOMEN if sex == "female" else MEN)
    last = random.choice(FAMILIES)
    age_days = int(random.triangular(4, 90, 41) * 365.25)
    address = f"{plain(first)}.{plain(last)}.{number}@example.test"
    return Person(
        first_name=first,
        last_name=last,
        sex=sex,
        birth_date=today - timedelta(days=age_days),
        # One in eight has no email, one in twenty no mobile phone: reminders must cope.
        email="" if random.random() < 0.12 else address,
        # 06 39 98 xx xx and 01 99 00 xx xx are the ranges the French regulator keeps for fiction.
        phone=f"+3363998{number % 10000:04d}" if random.random() < 0.95 else f"+3319900{number % 10000:04d}",
        address=f"{random.randint(1, 120)} {random.choice(STREETS)}",
        profession=random.choice(PROFESSIONS),
    )


def plain(text: str) -> str:
    """Return lower-case ASCII letters only."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())


def national_id(random: Random, someone: Person) -> str:
    """Return a well-formed number with a right key that belongs to nobody: commune 999 does not exist."""
    sex = "2" if someone.sex == "female" else "1"
    body = f"{sex}{someone.birth_date:%y%m}69999{random.randint(1, 999):03d}"
    return f"{body}{97 - int(body) % 97:02d}"
