"""The messages of the house: what each may say, and the house's own wording in both languages.

No message carries health data: practice, date, time, amount and link are all there is to say, and a subject
line says less. The wording is data, not translated strings: a practice replaces it text by text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

# Filled from the practice itself; every message may use them.
PRACTICE_VARIABLES: Final = ("practice_name", "practice_phone")


@dataclass(frozen=True, slots=True)
class Wording:
    """One text as the house ships it."""

    channel: str
    language: str
    body: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message.

    `required` and `optional` are the variables a caller gives; a moment given as `starts_at` becomes `date`
    and `time` in the practice's time zone. `secret` messages carry a link that logs in: it never reaches the
    log.
    """

    key: str
    label: Any
    required: tuple[str, ...]
    wordings: tuple[Wording, ...]
    optional: tuple[str, ...] = ()
    secret: bool = False
    button: Any = ""
    sample: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> tuple[str, ...]:
        """Everything a text of this message may name."""
        return (*PRACTICE_VARIABLES, *self.required, *self.optional)


_WELCOME = Message(
    key="patient.welcome",
    label=_("Welcome of a new patient"),
    required=("first_name",),
    sample={"first_name": "Camille"},
    wordings=(
        Wording(
            "email",
            "fr",
            subject="Bienvenue",
            body="Bonjour {{ first_name }},\n\n"
            "Votre dossier est ouvert auprès de {{ practice_name }}. "
            "Nous vous écrirons à cette adresse pour vos rendez-vous et vos documents.\n\n"
            "Pour nous joindre : {{ practice_phone }}.\n\n"
            "À bientôt,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Welcome",
            body="Hello {{ first_name }},\n\n"
            "Your file is open at {{ practice_name }}. "
            "We will write to this address about your appointments and documents.\n\n"
            "To reach us: {{ practice_phone }}.\n\n"
            "See you soon,\n{{ practice_name }}",
        ),
    ),
)

_REMINDER = Message(
    key="appointment.reminder",
    label=_("Reminder of an appointment"),
    required=("date", "time"),
    optional=("first_name", "link"),
    button=_("Confirm or cancel"),
    sample={
        "date": "24/11/2026",
        "time": "09:30",
        "first_name": "Camille",
        "link": "https://example.org/r/demo",
    },
    wordings=(
        Wording(
            "sms",
            "fr",
            body="{{ practice_name }} : rappel de votre rendez-vous du {{ date }} à {{ time }}. "
            "Empêchement ? {{ practice_phone }} {{ link }}",
        ),
        Wording(
            "sms",
            "en",
            body="{{ practice_name }}: reminder of your appointment on {{ date }} at {{ time }}. "
            "Cannot come? {{ practice_phone }} {{ link }}",
        ),
        Wording(
            "email",
            "fr",
            subject="Rappel de rendez-vous",
            body="Bonjour,\n\n"
            "Nous vous attendons le {{ date }} à {{ time }}, {{ practice_name }}.\n\n"
            "{{ link }}\n\n"
            "En cas d'empêchement, prévenez-nous dès que possible : {{ practice_phone }}.\n\n"
            "À bientôt,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Appointment reminder",
            body="Hello,\n\n"
            "We look forward to seeing you on {{ date }} at {{ time }}, {{ practice_name }}.\n\n"
            "{{ link }}\n\n"
            "If you cannot come, please tell us as soon as possible: {{ practice_phone }}.\n\n"
            "See you soon,\n{{ practice_name }}",
        ),
    ),
)

_INVOICE = Message(
    key="billing.invoice",
    label=_("Invoice as a PDF"),
    required=("number", "amount"),
    optional=("date", "first_name"),
    sample={"number": "F2026-0042", "amount": "86,76 €", "date": "24/11/2026", "first_name": "Camille"},
    wordings=(
        Wording(
            "email",
            "fr",
            subject="Votre facture {{ number }}",
            body="Bonjour,\n\n"
            "Vous trouverez ci-jointe votre facture {{ number }} d'un montant de {{ amount }}.\n\n"
            "Pour toute question : {{ practice_phone }}.\n\n"
            "Cordialement,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Your invoice {{ number }}",
            body="Hello,\n\n"
            "Please find attached your invoice {{ number }} of {{ amount }}.\n\n"
            "If you have any question: {{ practice_phone }}.\n\n"
            "Kind regards,\n{{ practice_name }}",
        ),
    ),
)

_QUOTE = Message(
    key="billing.quote",
    label=_("Link to a quote"),
    required=("number", "link"),
    optional=("valid_until",),
    button=_("See the quote"),
    sample={"number": "DV-2026-000042", "link": "https://example.org/q/demo", "valid_until": "24/05/2027"},
    wordings=(
        Wording(
            "sms",
            "fr",
            body="{{ practice_name }} : votre document {{ number }} vous attend, valable jusqu'au {{ valid_until }} : "
            "{{ link }}",
        ),
        Wording(
            "sms",
            "en",
            body="{{ practice_name }}: your document {{ number }} is ready, valid until {{ valid_until }}: {{ link }}",
        ),
        Wording(
            "email",
            "fr",
            subject="Votre devis {{ number }}",
            body="Bonjour,\n\n"
            "Votre devis {{ number }} est prêt, valable jusqu'au {{ valid_until }}. "
            "Votre date de naissance l'ouvre ; vous pouvez l'y accepter ou le refuser, sans hâte.\n\n"
            "{{ link }}\n\n"
            "Pour toute question : {{ practice_phone }}.\n\n"
            "Cordialement,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Your quote {{ number }}",
            body="Hello,\n\n"
            "Your quote {{ number }} is ready, valid until {{ valid_until }}. "
            "Your birth date opens it; you may accept or refuse it there, in your own time.\n\n"
            "{{ link }}\n\n"
            "If you have any question: {{ practice_phone }}.\n\n"
            "Kind regards,\n{{ practice_name }}",
        ),
    ),
)

_BILL_REMINDER = Message(
    key="billing.reminder",
    label=_("Reminder of an unpaid invoice"),
    required=("number", "amount"),
    optional=("date", "first_name"),
    sample={"number": "FA-2026-000042", "amount": "86,76 €", "date": "24/11/2026", "first_name": "Camille"},
    wordings=(
        Wording(
            "email",
            "fr",
            subject="Facture {{ number }} à régler",
            body="Bonjour {{ first_name }},\n\n"
            "Sauf erreur de notre part, il reste {{ amount }} à régler sur la facture {{ number }} du {{ date }}.\n\n"
            "Si votre règlement est déjà parti, ne tenez pas compte de ce message. "
            "Pour toute question ou pour convenir d'un échéancier : {{ practice_phone }}.\n\n"
            "Cordialement,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Invoice {{ number }} is unpaid",
            body="Hello {{ first_name }},\n\n"
            "Unless we are mistaken, {{ amount }} of invoice {{ number }} of {{ date }} is still to be paid.\n\n"
            "If your payment is on its way, please ignore this message. "
            "If you have any question, or would like to pay in instalments: {{ practice_phone }}.\n\n"
            "Kind regards,\n{{ practice_name }}",
        ),
        Wording(
            "sms",
            "fr",
            body="{{ practice_name }} : il reste {{ amount }} à régler sur la facture {{ number }}. "
            "Une question ? {{ practice_phone }}",
        ),
        Wording(
            "sms",
            "en",
            body="{{ practice_name }}: {{ amount }} of invoice {{ number }} is still to be paid. "
            "Any question? {{ practice_phone }}",
        ),
    ),
)

_LAST_BILL_REMINDER = Message(
    key="billing.last_reminder",
    label=_("Last reminder of an unpaid invoice"),
    required=("number", "amount"),
    optional=("date", "first_name"),
    sample={"number": "FA-2026-000042", "amount": "86,76 €", "date": "24/11/2026", "first_name": "Camille"},
    wordings=(
        Wording(
            "email",
            "fr",
            subject="Dernier rappel : facture {{ number }}",
            body="Bonjour {{ first_name }},\n\n"
            "Malgré nos rappels, {{ amount }} restent dus sur la facture {{ number }} du {{ date }}. "
            "Merci de les régler dans les huit jours, ou de nous appeler pour trouver une solution : "
            "{{ practice_phone }}.\n\n"
            "Cordialement,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Last reminder: invoice {{ number }}",
            body="Hello {{ first_name }},\n\n"
            "In spite of our reminders, {{ amount }} of invoice {{ number }} of {{ date }} is still due. "
            "Please pay within eight days, or call us so that we find a solution: {{ practice_phone }}.\n\n"
            "Kind regards,\n{{ practice_name }}",
        ),
        Wording(
            "sms",
            "fr",
            body="{{ practice_name }} : dernier rappel, {{ amount }} restent dus sur la facture {{ number }}. "
            "Appelez-nous : {{ practice_phone }}",
        ),
        Wording(
            "sms",
            "en",
            body="{{ practice_name }}: last reminder, {{ amount }} of invoice {{ number }} is still due. "
            "Please call {{ practice_phone }}",
        ),
    ),
)

_INVITATION = Message(
    key="account.invitation",
    label=_("Invitation of a user"),
    required=("link",),
    optional=("first_name", "validity"),
    secret=True,
    button=_("Choose my password"),
    sample={"first_name": "Camille", "link": "https://example.org/i/demo", "validity": "72 h"},
    wordings=(
        Wording(
            "email",
            "fr",
            subject="Votre accès à OSdentaire",
            body="Bonjour {{ first_name }},\n\n"
            "Un compte OSdentaire vous attend. Choisissez votre mot de passe pour l'ouvrir :\n\n"
            "{{ link }}\n\n"
            "Ce lien ne sert qu'une fois. Si vous n'attendiez pas ce message, ignorez-le.",
        ),
        Wording(
            "email",
            "en",
            subject="Your access to OSdentaire",
            body="Hello {{ first_name }},\n\n"
            "An OSdentaire account is waiting for you. Choose your password to open it:\n\n"
            "{{ link }}\n\n"
            "This link works once. If you did not expect this message, ignore it.",
        ),
    ),
)

_PASSWORD_RESET = Message(
    key="account.password_reset",
    label=_("New password"),
    required=("link",),
    optional=("first_name", "validity"),
    secret=True,
    button=_("Choose a new password"),
    sample={"first_name": "Camille", "link": "https://example.org/p/demo", "validity": "30 min"},
    wordings=(
        Wording(
            "email",
            "fr",
            subject="Nouveau mot de passe",
            body="Bonjour {{ first_name }},\n\n"
            "Vous avez demandé un nouveau mot de passe. Ce lien ne sert qu'une fois :\n\n"
            "{{ link }}\n\n"
            "Si vous n'avez rien demandé, ignorez ce message : votre mot de passe n'a pas changé.",
        ),
        Wording(
            "email",
            "en",
            subject="New password",
            body="Hello {{ first_name }},\n\n"
            "You asked for a new password. This link works once:\n\n"
            "{{ link }}\n\n"
            "If you did not ask for anything, ignore this message: your password has not changed.",
        ),
    ),
)

_LOGIN_CODE = Message(
    key="account.login_code",
    label=_("One-time code"),
    required=("code",),
    optional=("validity",),
    secret=True,
    sample={"code": "123456", "validity": "5 min"},
    wordings=(
        Wording(
            "sms",
            "fr",
            body="OSdentaire : votre code est {{ code }}, valable {{ validity }}. Ne le donnez à personne.",
        ),
        Wording(
            "sms", "en", body="OSdentaire: your code is {{ code }}, valid {{ validity }}. Do not share it."
        ),
    ),
)

_OFFER = Message(
    key="appointment.offer",
    label=_("A time has come free"),
    required=("date", "time", "link"),
    optional=("until",),
    button=_("See the offer"),
    sample={
        "date": "24/11/2026",
        "time": "09:30",
        "until": "10:15",
        "link": "https://example.org/w/demo",
    },
    wordings=(
        Wording(
            "sms",
            "fr",
            body="{{ practice_name }} : une place se libère le {{ date }} à {{ time }}. "
            "À prendre avant {{ until }} : {{ link }}",
        ),
        Wording(
            "sms",
            "en",
            body="{{ practice_name }}: a time has come free on {{ date }} at {{ time }}. "
            "Take it before {{ until }}: {{ link }}",
        ),
        Wording(
            "email",
            "fr",
            subject="Une place se libère",
            body="Bonjour,\n\n"
            "Une place se libère le {{ date }} à {{ time }}, {{ practice_name }}. "
            "Vous pouvez la prendre avant {{ until }} ; la première réponse l'obtient.\n\n"
            "{{ link }}\n\n"
            "Sinon, vous n'avez rien à faire : vous restez sur notre liste d'attente.\n\n"
            "À bientôt,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="A time has come free",
            body="Hello,\n\n"
            "A time has come free on {{ date }} at {{ time }}, {{ practice_name }}. "
            "You can take it before {{ until }}; the first answer gets it.\n\n"
            "{{ link }}\n\n"
            "Otherwise there is nothing to do: you stay on our waiting list.\n\n"
            "See you soon,\n{{ practice_name }}",
        ),
    ),
)

_RECALL = Message(
    key="patient.recall",
    label=_("Time to make an appointment"),
    required=(),
    optional=("first_name",),
    sample={"first_name": "Camille"},
    wordings=(
        Wording(
            "sms",
            "fr",
            body="{{ practice_name }} : il est temps de prendre rendez-vous. Appelez-nous : {{ practice_phone }}",
        ),
        Wording(
            "sms",
            "en",
            body="{{ practice_name }}: it is time to make an appointment. Please call {{ practice_phone }}",
        ),
        Wording(
            "email",
            "fr",
            subject="Prenons rendez-vous",
            body="Bonjour {{ first_name }},\n\n"
            "Il est temps de prendre rendez-vous chez {{ practice_name }}.\n\n"
            "Appelez-nous : {{ practice_phone }}.\n\n"
            "À bientôt,\n{{ practice_name }}",
        ),
        Wording(
            "email",
            "en",
            subject="Time to make an appointment",
            body="Hello {{ first_name }},\n\n"
            "It is time to make an appointment at {{ practice_name }}.\n\n"
            "Please call us: {{ practice_phone }}.\n\n"
            "See you soon,\n{{ practice_name }}",
        ),
    ),
)

MESSAGES: Final[Mapping[str, Message]] = {
    message.key: message
    for message in (
        _WELCOME,
        _REMINDER,
        _OFFER,
        _RECALL,
        _INVOICE,
        _QUOTE,
        _BILL_REMINDER,
        _LAST_BILL_REMINDER,
        _INVITATION,
        _PASSWORD_RESET,
        _LOGIN_CODE,
    )
}
