"""Writing contracts, changing their terms and their status."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.core.clock import day_in_calendar
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.transitions import IllegalTransition
from apps.directory.models import Insurer
from apps.insurance.models import Adherent, Claim, Contract, ContractBalance, ContractMember
from apps.insurance.schemas import COVERAGE, EXCLUSIONS, LIMITS
from apps.insurance.selectors import dependants_on
from apps.insurance.services.guards import hold, own_insurer, own_row, today_at
from apps.insurance.states import CONTRACT

S = Contract.Status
TERMS: Final = (
    "contract_number plan_type start_date end_date carence_days annual_limit limit_by_dependants currency coverage "
    "exclusions"
).split()


class ContractNumberTaken(DomainError):
    """The insurer has a contract of this number."""

    code = "CONTRACT_NUMBER_TAKEN"
    message = _("There is already a contract with this number.")


class ContractInUse(DomainError):
    """Claims were decided by what would change; `fields` names it."""

    code = "CONTRACT_IN_USE"
    message = _("Claims have been decided under this contract: these terms cannot change any more.")


class LimitBelowUsed(DomainError):
    """A limit would be lower than what is used of it."""

    code = "LIMIT_BELOW_USED"
    message = _("More than this limit has been used already.")


@service("insurance.contract.write")
def write_contract(
    *,
    actor: Viewer,
    insurer: Insurer,
    adherent: Adherent,
    at: datetime,
    status: str = S.ACTIVE,
    status_from: date | None = None,
    status_reason: str = "",
    **terms: Any,
) -> Contract:
    """Write a contract for a subscriber, who becomes its first member.

    A contract that begins the day after another of the subscriber's ends renews it: nobody waits again. Without
    `status_from` the status counts from the first day. Refuses terms that do not fit their schema, and a number in use
    (ContractNumberTaken).
    """
    own_insurer(actor, insurer)
    if adherent.insurer_id != insurer.pk or adherent.is_deleted:
        raise InvalidInput(adherent=[_("This does not exist.")])
    terms.setdefault("currency", insurer.currency)
    contract = Contract(insurer=insurer, adherent=adherent)
    set_terms(contract, terms)
    contract.status, contract.status_reason = status, status_reason
    contract.status_from = status_from or contract.start_date
    contract.status_history = [{"status": str(status), "from": contract.status_from.isoformat()}]
    refuse_number(contract)
    contract.renews = predecessor(contract)
    contract.full_clean(validate_unique=False)
    contract.save()
    ContractMember.objects.create(
        insurer=insurer,
        contract=contract,
        adherent=adherent,
        relation=ContractMember.Relation.SELF,
        joined_on=contract.start_date,
    )
    return contract


@service("insurance.contract.change")
def change_contract(
    *,
    actor: Viewer,
    contract: Contract,
    at: datetime,
    status: str | None = None,
    status_from: date | None = None,
    status_reason: str | None = None,
    **changes: Any,
) -> Contract:
    """Change terms and status of a contract; what was decided by the former terms stays as it was.

    Without `status_from` a new status counts from today. Refuses a range that leaves decided claims outside and another
    currency once there are any (ContractInUse), a limit below what is used (LimitBelowUsed), and a status that does not
    follow from the present one (IllegalTransition).
    """
    own_row(actor, contract.insurer_id)
    contract = (
        Contract.objects.select_for_update(of=("self",), no_key=True)
        .select_related("insurer", "adherent")
        .get(pk=contract.pk)
    )
    former = {name: getattr(contract, name) for name in TERMS}
    set_terms(contract, changes)
    changed = {name for name in TERMS if getattr(contract, name) != former[name]}
    refuse_in_use(contract, changed)
    if "contract_number" in changed:
        refuse_number(contract)
    move_subscriber(contract, former["start_date"])
    if changed & {"annual_limit", "limit_by_dependants", "coverage"}:
        set_limits(contract)
    if status is not None and status != contract.status:
        set_status(
            contract,
            status,
            since=status_from or today_at(contract.insurer, at),
            reason=status_reason or "",
        )
    elif status_from is not None or status_reason is not None:
        correct_status(contract, status_from, status_reason)
    contract.full_clean(validate_unique=False)
    contract.save()
    return contract


@service("insurance.contract.expire")
def expire_contracts(*, actor: Viewer, insurer: Insurer, at: datetime, most: int = 500) -> int:
    """Mark up to `most` of an insurer's contracts whose last day is over as expired; return how many."""
    due = Contract.objects.filter(insurer=insurer).to_expire(today_at(insurer, at))
    rows = list(due.order_by("pk").select_for_update(skip_locked=True, no_key=True)[:most])
    for contract in rows:
        set_status(contract, S.EXPIRED, since=contract.end_date + timedelta(days=1), reason="")
        contract.save(update_fields=["status", "status_from", "status_reason", "status_history"])
    return len(rows)


def set_terms(contract: Contract, terms: dict[str, Any]) -> None:
    """Assign terms; refuses dates out of order and documents that do not fit their schema."""
    for name, value in terms.items():
        setattr(contract, name, value)
    for name in ("start_date", "end_date"):
        day_in_calendar(getattr(contract, name))
    if contract.start_date > contract.end_date:
        raise InvalidInput(end_date=[_("The last day must not come before the first.")])
    COVERAGE.check(contract.coverage, "coverage")
    EXCLUSIONS.check(contract.exclusions, "exclusions")
    LIMITS.check(contract.limit_by_dependants, "limit_by_dependants")
    if contract.annual_limit is not None and contract.limit_by_dependants is not None:
        raise InvalidInput(annual_limit=[_("Give one yearly limit, or one per number of dependants.")])


def refuse_number(contract: Contract) -> None:
    """Refuse a number the insurer has given before."""
    hold(f"contract-number:{contract.insurer_id}:{contract.contract_number}")
    same = Contract.objects.filter(insurer=contract.insurer_id, contract_number=contract.contract_number)
    if same.exclude(pk=contract.pk).exists():
        raise ContractNumberTaken


def predecessor(contract: Contract) -> Contract | None:
    """Return the subscriber's contract that ends the day before this one begins, unless it is renewed already."""
    hold(f"renewal:{contract.adherent_id}")
    former = Contract.objects.filter(
        insurer=contract.insurer_id, adherent=contract.adherent_id, renewed_by__isnull=True
    )
    eve = contract.start_date - timedelta(days=1)
    # One that was cancelled earlier ends earlier; what is written as its last day says nothing then.
    return next((row for row in former.filter(end_date__gte=eve) if row.ends_on() == eve), None)


def refuse_in_use(contract: Contract, changed: set[str]) -> None:
    """Refuse another currency, and a range or a period that decided claims were not judged by."""
    if not changed & {"start_date", "end_date", "currency"}:
        return
    decided = Claim.objects.filter(contract=contract).holding()
    stuck = changed & {"start_date", "currency"} if decided.exists() else set()
    if "end_date" in changed and decided.filter(service_date__gt=contract.end_date).exists():
        stuck.add("end_date")
    if stuck:
        raise ContractInUse(fields=sorted(stuck))


def move_subscriber(contract: Contract, former_start: date) -> None:
    """Let the subscriber's membership begin with the contract."""
    if contract.start_date != former_start:
        own = ContractMember.objects.filter(
            contract=contract, relation=ContractMember.Relation.SELF, joined_on=former_start
        )
        for member in own:
            member.joined_on = contract.start_date
            member.save(update_fields=["joined_on"])


def set_limits(contract: Contract) -> None:
    """Carry new limits into the balances of every period; refuses one that is used up beyond (LimitBelowUsed)."""
    for balance in ContractBalance.objects.filter(contract=contract).locked():
        limit = limit_of(contract, balance)
        if limit is not None and balance.used > limit:
            raise LimitBelowUsed(scope=balance.scope, limit=limit, used=balance.used)
        if balance.limit_amount != limit:
            balance.limit_amount = limit
            balance.save(update_fields=["limit_amount", "updated_at"])


def limit_of(contract: Contract, balance: ContractBalance) -> int | None:
    """Return the limit the contract's terms give a balance."""
    if balance.scope == "*":
        return contract.limit_for(dependants_on(contract, balance.period_start))
    kind, _colon, care_type = balance.scope.rpartition(":")
    found = contract.coverage.get(care_type, {})
    limit: int | None = found.get("deductible_annual" if kind else "annual_sublimit")
    return limit


def set_status(contract: Contract, status: str, *, since: date, reason: str) -> None:
    """Enter a status that counts from a day; later steps of the history give way to it."""
    verb = CONTRACT_VERBS.get((contract.status, status))
    if verb is None:
        raise IllegalTransition(status=contract.status, allowed=CONTRACT.verbs_from(contract.status))
    CONTRACT.next_state(contract.status, verb, contract)
    kept = [step for step in contract.status_history if step["from"] < since.isoformat()]
    contract.status, contract.status_from, contract.status_reason = status, since, reason
    contract.status_history = [*kept, {"status": str(status), "from": since.isoformat()}]


def correct_status(contract: Contract, since: date | None, reason: str | None) -> None:
    """Correct from when the present status counts, or why."""
    if reason is not None:
        contract.status_reason = reason
    if since is not None and since != contract.status_from:
        kept = [step for step in contract.status_history[:-1] if step["from"] < since.isoformat()]
        contract.status_from = since
        contract.status_history = [*kept, {"status": str(contract.status), "from": since.isoformat()}]


CONTRACT_VERBS: Final = {
    (source, transition.target): transition.verb
    for transition in CONTRACT.transitions
    for source in transition.sources
}
