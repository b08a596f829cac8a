"""The words of each rule; figures come in already written the way of the language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

JOINTS: Final[Mapping[str, str]] = {"fr": "; ", "en": "; ", "ar": "؛ "}

ENDINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {
        "copay": "reste à charge {amount}",
        "excess": " dont dépassement {amount}",
        "writeoff": "non facturable au patient {amount}",
    },
    "en": {
        "copay": "left to the patient {amount}",
        "excess": " of which excess {amount}",
        "writeoff": "not chargeable to the patient {amount}",
    },
    "ar": {
        "copay": "يبقى على عاتق المريض {amount}",
        "excess": " منها تجاوز {amount}",
        "writeoff": "لا يجوز مطالبة المريض بمبلغ {amount}",
    },
}


def _words(fr: str, en: str, ar: str) -> Mapping[str, str]:
    return {"fr": fr, "en": en, "ar": ar}


PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    # Amounts.
    "PRICE_CEILING": _words(
        "tarif conventionné {price} (demandé {asked})",
        "agreed price {price} (asked {asked})",
        "التعريفة المتفق عليها {price} (المطلوب {asked})",
    ),
    "REFERENCE_PRICE": _words(
        "prix de référence du générique {price} (au lieu de {asked})",
        "reference price of the generic {price} (instead of {asked})",
        "السعر المرجعي للدواء الجنيس {price} (عوضا عن {asked})",
    ),
    "NON_SUBSTITUTABLE": _words(
        "non substituable sur prescription, prix de référence {price} écarté",
        "not to be substituted by prescription, reference price {price} set aside",
        "غير قابل للاستبدال حسب الوصفة، دون اعتبار السعر المرجعي {price}",
    ),
    "BUNDLED": _words(
        "acte associé retenu à {share_bp} = {after}",
        "associated act counted at {share_bp} = {after}",
        "عمل مقترن يحتسب بنسبة {share_bp} = {after}",
    ),
    "ABOVE_BASE": _words(
        "base de remboursement {base}",
        "base of reimbursement {base}",
        "قاعدة الاسترجاع {base}",
    ),
    "DEDUCTIBLE": _words(
        "franchise {deductible}",
        "deductible {deductible}",
        "مبلغ غير قابل للاسترجاع {deductible}",
    ),
    "RATE": _words(
        "prise en charge {rate_bp} = {after}",
        "covered at {rate_bp} = {after}",
        "التكفل بنسبة {rate_bp} = {after}",
    ),
    "GENERIC_RATE": _words(
        "prise en charge générique {rate_bp} = {after}",
        "generic covered at {rate_bp} = {after}",
        "التكفل بالدواء الجنيس بنسبة {rate_bp} = {after}",
    ),
    "FIXED_COPAY": _words(
        "participation forfaitaire {copay}",
        "fixed copayment {copay}",
        "مساهمة جزافية {copay}",
    ),
    "PRIOR_PAYER": _words(
        "déjà payé par un autre organisme {paid}",
        "already paid by another payer {paid}",
        "مدفوع سابقا من جهة أخرى {paid}",
    ),
    "LIMIT_ACT": _words(
        "plafond par acte {cap}: pris en charge {after}",
        "ceiling per act {cap}: covered {after}",
        "سقف العمل الواحد {cap}: المتكفل به {after}",
    ),
    "LIMIT_CLAIM": _words(
        "plafond par demande, disponible {left}",
        "ceiling per claim, left {left}",
        "سقف المطلب، المتبقي {left}",
    ),
    "LIMIT_CARE": _words(
        "plafond annuel de ce type de soins, disponible {left}",
        "yearly ceiling of this care type, left {left}",
        "السقف السنوي لهذا الصنف من العلاج، المتبقي {left}",
    ),
    "LIMIT_ANNUAL": _words(
        "plafond annuel du contrat, disponible {left}",
        "yearly ceiling of the contract, left {left}",
        "السقف السنوي للعقد، المتبقي {left}",
    ),
    "ACCIDENT": _words(
        "suite d’accident, sans délai de carence",
        "after an accident, no waiting period",
        "إثر حادث، دون فترة انتظار",
    ),
    "TAX": _words("taxe {after}", "tax {after}", "أداء {after}"),
    # Lines refused or cut short.
    "FREQUENCY": _words(
        "fréquence: {max_qty} sur {per_days} jours, déjà {used}",
        "frequency: {max_qty} in {per_days} days, {used} already",
        "التواتر: {max_qty} خلال {per_days} يوما، سبق {used}",
    ),
    "WAITING": _words(
        "délai de carence: premier jour pris en charge le {first_day}",
        "waiting period: first day covered is {first_day}",
        "فترة الانتظار: أول يوم متكفل به {first_day}",
    ),
    "EXCLUDED": _words(
        "exclu par le contrat ({exclusion})",
        "excluded by the contract ({exclusion})",
        "مستثنى بموجب العقد ({exclusion})",
    ),
    "NOT_COVERED": _words(
        "type de soins non couvert par le contrat",
        "care type not covered by the contract",
        "صنف علاج غير مشمول بالعقد",
    ),
    "NOT_IN_BAREME": _words(
        "acte absent du barème {bareme}",
        "act not in price list {bareme}",
        "عمل غير مدرج بالتعريفة {bareme}",
    ),
    "ACT_NOT_ALLOWED_FOR_TYPE": _words(
        "acte que ce type de prestataire ne peut pas facturer",
        "act this kind of provider may not bill",
        "عمل لا يحق لهذا الصنف من مقدمي الخدمات فوترته",
    ),
    "INCOMPATIBLE": _words(
        "acte incompatible avec {with}",
        "act incompatible with {with}",
        "عمل لا يجتمع مع {with}",
    ),
    "PREAUTH_MISSING": _words(
        "accord préalable requis au-delà de {above}",
        "prior agreement required above {above}",
        "موافقة مسبقة مطلوبة فوق {above}",
    ),
    "PREAUTH_SPENT": _words(
        "accord préalable requis au-delà de {above}, l’accord cité ne couvre pas cette ligne",
        "prior agreement required above {above}, the one quoted does not cover this line",
        "موافقة مسبقة مطلوبة فوق {above}، والموافقة المذكورة لا تشمل هذا السطر",
    ),
    "TOOTH_ABSENT": _words("dent absente", "absent tooth", "سن مفقودة"),
    # Claims refused as a whole.
    "DUPLICATE": _words("déjà demandé", "already claimed", "سبقت المطالبة به"),
    "FUTURE_DATE": _words(
        "date de soins à venir ({service_date})",
        "date of care in the future ({service_date})",
        "تاريخ العلاج في المستقبل ({service_date})",
    ),
    "LATE_FILING": _words(
        "déposé hors délai: {days} jours, dernier jour le {last_day}",
        "filed too late: {days} days, last day {last_day}",
        "إيداع بعد الأجل: {days} يوما، آخر يوم {last_day}",
    ),
    "PROVIDER_NOT_ELIGIBLE": _words(
        "prestataire non habilité à la date des soins",
        "provider not eligible on the date of care",
        "مقدم خدمة غير مؤهل في تاريخ العلاج",
    ),
    "NO_CONVENTION": _words(
        "pas de convention avec ce prestataire à la date des soins",
        "no convention with this provider on the date of care",
        "لا توجد اتفاقية مع مقدم الخدمة في تاريخ العلاج",
    ),
    "IDENTITY_UNKNOWN": _words(
        "personne inconnue de ce contrat",
        "person not known to this contract",
        "شخص غير معروف في هذا العقد",
    ),
    "BEFORE_CONTRACT": _words(
        "soins avant le début de la couverture ({first_day})",
        "care before the cover began ({first_day})",
        "علاج قبل بداية التغطية ({first_day})",
    ),
    "AFTER_CONTRACT": _words(
        "soins après la fin de la couverture ({last_day})",
        "care after the cover ended ({last_day})",
        "علاج بعد نهاية التغطية ({last_day})",
    ),
    "SUSPENDED": _words("contrat suspendu", "contract suspended", "عقد معلق"),
    "CANCELLED": _words("contrat résilié", "contract cancelled", "عقد ملغى"),
    # A person's decision.
    "REVIEW": _words(
        "décision de l'assureur: pris en charge {after}",
        "insurer's decision: covered {after}",
        "قرار المؤمن: المتكفل به {after}",
    ),
    "REVIEW_REJECTED": _words("refusé par l'assureur", "refused by the insurer", "مرفوض من المؤمن"),
    "VOIDED": _words("annulé par le prestataire", "withdrawn by the provider", "ملغى من مقدم الخدمة"),
}
