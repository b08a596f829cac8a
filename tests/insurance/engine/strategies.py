"""Agreements and claims at random: raw JSON for the reference, and the same as the engine's terms."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from apps.insurance.engine import (
    Balances,
    BaremeTerms,
    CareTerms,
    ContractTerms,
    Exclusion,
    History,
    InsurerConfig,
    PastLine,
    Request,
    RequestLine,
)

DAY = date(2026, 6, 15)
CODES = ["A1", "A2", "B1", "B2", "COSM-1", "ZZ"]
TEETH = ["", "11", "12"]
FINE = [""] * 12
amounts = st.integers(0, 200_000)
rates = st.sampled_from([0, 1, 3333, 5000, 6667, 8000, 9999, 10_000]) | st.integers(0, 10_000)
days = st.integers(-40, 40).map(lambda n: DAY + timedelta(days=n))


def some(**optional):
    """A dictionary with any of these keys."""
    return st.fixed_dictionaries({}, optional=optional)


acts_of_contract = st.dictionaries(
    st.sampled_from(CODES),
    some(
        rate_bp=rates,
        cap=amounts,
        max_qty=st.integers(0, 4),
        per_days=st.integers(1, 60),
        of_base_bp=st.integers(0, 40_000),
    ),
    max_size=3,
)
care = st.fixed_dictionaries(
    {"rate_bp": rates},
    optional={
        "generic_rate_bp": rates,
        "brand_policy": st.sampled_from(["reference_price", "full"]),
        "deductible_per_claim": amounts,
        "deductible_annual": amounts,
        "fixed_copay": st.integers(0, 5000),
        "act_cap": amounts,
        "claim_cap": amounts,
        "annual_sublimit": amounts,
        "waiting_days": st.sampled_from([0, 0, 0, 20, 21]),
        "accident_exempt": st.booleans(),
        "preauth_above": amounts,
        "of_base_bp": st.integers(0, 40_000),
        "prior_included": st.booleans(),
        "outside_limit": st.booleans(),
        "frequency_liability": st.sampled_from(["provider", "patient"]),
        "tax_reimbursed": st.booleans(),
        "acts": acts_of_contract,
    },
)
acts = st.dictionaries(
    st.sampled_from(CODES),
    st.fixed_dictionaries(
        {"price": amounts, "category": st.sampled_from(["pharmacy", "pharmacy", "pharmacy", "surgery", ""])},
        optional={
            "rate_bp": rates,
            "base": amounts,
            "fee_limit": amounts,
            "generic_group": st.sampled_from(["G", "H"]),
            "is_generic": st.booleans(),
            "repeatable": st.booleans(),
            "tax_bp": st.sampled_from([0, 700, 1900, 2000]),
        },
    ),
    min_size=4,
)
pairs = st.lists(
    st.tuples(
        st.sampled_from(CODES), st.sampled_from(CODES), st.sampled_from(["claim", "day", "tooth", "stay"])
    ),
    max_size=3,
)
baremes = st.fixed_dictionaries(
    {
        "acts": acts,
        "reference_prices": some(G=amounts),
        "default": st.sampled_from(["reject", "asked"]),
        "excess": st.sampled_from(["patient", "provider"]),
    },
    optional={
        "incompatible": pairs,
        "association_bp": st.dictionaries(st.sampled_from(["A1", "A1+B1", "*"]), rates, max_size=2),
    },
)
exclusions = st.lists(
    some(
        code=st.sampled_from(CODES),
        prefix=st.sampled_from(["COSM", "A"]),
        care_type=st.sampled_from(["pharmacy", "dental"]),
        diagnosis_prefix=st.sampled_from(["K02", "Z"]),
        until_date=days.map(date.isoformat),
    ),
    max_size=2,
)


@st.composite
def lines(draw, max_size=6):
    drawn = []
    for sequence in range(1, draw(st.integers(1, max_size)) + 1):
        line = {
            "sequence": sequence,
            "code": draw(st.sampled_from(CODES)),
            "quantity": draw(st.integers(1, 5)),
            "unit_price": draw(amounts),
            "tooth": draw(st.sampled_from(TEETH)),
            "diagnosis": draw(st.sampled_from(["", "K021", "Z00"])),
            "substitutable": draw(st.booleans()),
            "prescriber": draw(st.sampled_from(["", "Dr"])),
            "why": draw(st.sampled_from(["", "MTE"])),
            "accident": draw(st.booleans()),
            "agreement": draw(st.sampled_from(["", "Q1", "Q2"])),
            "agreed_quantity": draw(st.integers(0, 8)),
        }
        if draw(st.integers(0, 3)) == 0:
            line["prior"] = draw(st.integers(0, line["quantity"] * line["unit_price"]))
        drawn.append(line)
    return drawn


@st.composite
def claims(draw):
    # Most claims pass the gates: what a line may meet is the larger part of the rules.
    fault = draw(st.sampled_from([*FINE, "late", "future", "inactive", "seen", "stay"]))
    filed = DAY + timedelta(days=61 if fault == "late" else draw(st.sampled_from([0, 50])))
    return {
        "type": "pharmacy",
        "kind": draw(st.sampled_from(["pharmacy", "pharmacy", "clinic", "dental"])),
        "day": DAY,
        "end": DAY + timedelta(days=10) if fault == "stay" else None,
        "filed": filed + timedelta(days=10),
        "today": DAY - timedelta(days=1) if fault == "future" else filed + timedelta(days=10),
        "urgent": draw(st.booleans()),
        "active": fault != "inactive",
        "seen": fault == "seen",
        "lines": draw(lines()),
    }


@st.composite
def contracts(draw):
    fault = draw(st.sampled_from([*FINE, "before", "after", "left", "status", "uncovered"]))
    raw = {
        "start": date(2026, 6, 20) if fault == "before" else date(2026, 1, 1),
        "end": date(2026, 6, 14) if fault == "after" else date(2026, 12, 31),
        "carence": draw(st.sampled_from([0, 0, 20, 21, 165, 166])),
        "limit": draw(st.none() | amounts),
        "by_dependants": draw(st.lists(amounts, max_size=3)),
        "dependants": draw(st.integers(0, 4)),
        "coverage": {"dental" if fault == "uncovered" else "pharmacy": draw(care)},
        "exclusions": draw(exclusions),
        "statuses": draw(statuses) if fault == "status" else [],
        "left": draw(days) if fault == "left" else None,
    }
    raw["statuses"].sort()
    raw["chain"] = raw["start"] - timedelta(days=draw(st.sampled_from([0, 365])))
    raw["joined"] = draw(st.sampled_from([raw["chain"], raw["start"], DAY - timedelta(days=20)]))
    return raw


statuses = st.lists(
    st.tuples(days, st.sampled_from(["active", "suspended", "cancelled", "expired"])), max_size=2
)
pasts = st.lists(
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(CODES),
            "day": st.just(DAY) | days,
            "quantity": st.integers(1, 3),
            "tooth": st.sampled_from(TEETH),
            "agreement": st.sampled_from(["", "Q1"]),
        }
    ),
    max_size=4,
)
useds = some(**{scope: st.integers(0, 250_000) for scope in ("*", "pharmacy", "deductible:pharmacy")})
cases = st.tuples(claims(), contracts(), baremes, pasts, useds)


def request_of(claim):
    return Request(
        type=claim["type"],
        insurer_id="i",
        provider_id="p",
        provider_kind=claim["kind"],
        adherent_id="a",
        service_date=claim["day"],
        service_end_date=claim["end"],
        submitted_on=claim["filed"],
        today=claim["today"],
        currency="TND",
        is_urgent=claim["urgent"],
        provider_is_active=claim["active"],
        lines=tuple(
            RequestLine(
                sequence=line["sequence"],
                code=line["code"],
                quantity=line["quantity"],
                unit_price=line["unit_price"],
                tooth=line["tooth"],
                diagnosis=line["diagnosis"],
                prescriber=line["prescriber"],
                is_substitutable=line["substitutable"],
                non_substitutable_reason=line["why"],
                prior_paid=line.get("prior", 0),
                is_accident=line["accident"],
                agreement=line["agreement"],
                agreed_quantity=line["agreed_quantity"] if line["agreement"] else 0,
            )
            for line in claim["lines"]
        ),
    )


def contract_of(raw):
    return ContractTerms(
        id="k",
        start_date=raw["start"],
        end_date=raw["end"],
        chain_start=raw["chain"],
        joined_on=raw["joined"],
        left_on=raw["left"],
        coverage={name: CareTerms.from_content(content) for name, content in raw["coverage"].items()},
        carence_days=raw["carence"],
        annual_limit=raw["limit"],
        limit_by_dependants=tuple(raw["by_dependants"]),
        dependants=raw["dependants"],
        exclusions=tuple(Exclusion.from_content(rule) for rule in raw["exclusions"]),
        statuses=tuple(raw["statuses"]),
    )


def arguments(case):
    """The six arguments of the engine."""
    claim, contract, bareme, past, used = case
    return (
        request_of(claim),
        contract_of(contract),
        BaremeTerms.from_content(bareme, bareme_id="b", version="1", excess_liability=bareme["excess"]),
        History(
            tuple(
                PastLine("c", p["code"], p["day"], p["quantity"], p["tooth"], p["agreement"]) for p in past
            ),
            "c" if claim["seen"] else "",
        ),
        Balances(used),
        InsurerConfig(),
    )
