"""The rules of the specification a second time: slow, on raw JSON, in fractions, and sharing no line with the engine.

It knows who bears what as two sets of reasons, and keeps every amount in a plain dictionary.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from math import floor

NOT_THE_PATIENT = {
    "LATE_FILING",
    "FUTURE_DATE",
    "PROVIDER_NOT_ELIGIBLE",
    "ACT_NOT_ALLOWED_FOR_TYPE",
    "DUPLICATE",
    "INCOMPATIBLE",
    "PREAUTH_MISSING",
    "IDENTITY_UNKNOWN",
    "NOT_IN_BAREME",
}
MAY_BILL = {
    "pharmacy": {"pharmacy"},
    "laboratory": {"laboratory"},
    "medical": {"consultation"},
    "dental": {"dental"},
    "clinic": {"hospitalization", "consultation", "laboratory", "pharmacy"},
}
CARE = {"pharmacy", "consultation", "hospitalization", "laboratory", "dental"}


def half_up(value):
    return floor(Fraction(value) + Fraction(1, 2))


def percent(amount, basis_points):
    return half_up(Fraction(amount) * Fraction(basis_points, 10_000))


def naive_price(claim, contract, bareme, past, used):
    """Return (status, [(covered, copay, writeoff, tax, stop reason)], consumption)."""
    reason = whole_claim_reason(claim, contract, bareme)
    if reason:
        lines = [refused(line, reason, bareme) for line in claim["lines"]]
        return ("duplicate" if reason == "DUPLICATE" else "rejected"), lines, {}
    care = contract["coverage"].get(claim["type"])
    notes = [{"line": line, "reason": ""} for line in claim["lines"]]
    judge_one_by_one(notes, claim, contract, bareme, care, past)
    judge_pairs(notes, claim, bareme, past)
    ask_agreement(notes, claim, care or {}, past)
    return pay(notes, claim, contract, bareme, care or {}, used)


def ask_agreement(notes, claim, care, past):
    """What was agreed to beforehand, act by act, less what was had on it; what is short needs no agreement to be had."""
    had = {}
    for p in past:
        if p["agreement"]:
            key = p["agreement"], p["code"], p["tooth"]
            had[key] = had.get(key, 0) + p["quantity"]
    for note in notes:
        if note["reason"]:
            continue
        line = note["line"]
        key = line["agreement"], line["code"], line["tooth"]
        dear = care.get("preauth_above") is not None and note["E"] > care["preauth_above"]
        enough = line["agreement"] and had.get(key, 0) + note["granted"] <= line["agreed_quantity"]
        if not dear or enough:
            if line["agreement"]:
                had[key] = had.get(key, 0) + note["granted"]
        elif not claim.get("urgent"):
            note["reason"] = "PREAUTH_MISSING"


def whole_claim_reason(claim, contract, bareme):
    last = claim.get("end") or claim["day"]
    if last > claim["today"]:
        return "FUTURE_DATE"
    if claim["filed"] > last + timedelta(days=claim.get("filing_days", 60)):
        return "LATE_FILING"
    if not claim.get("active", True):
        return "PROVIDER_NOT_ELIGIBLE"
    if bareme is None:
        return "NO_CONVENTION"
    if contract is None:
        return "IDENTITY_UNKNOWN"
    day = claim["day"]
    if day < contract["start"] or day < contract["joined"]:
        return "BEFORE_CONTRACT"
    if day > contract["end"] or (contract.get("left") and day > contract["left"]):
        return "AFTER_CONTRACT"
    standing = "active"
    for since, status in contract.get("statuses", ()):
        if since <= day:
            standing = status
    if standing in {"suspended", "cancelled"}:
        return standing.upper()
    return "DUPLICATE" if claim.get("seen") else ""


def refused(line, reason, bareme, care=None):
    total = line["quantity"] * line["unit_price"]
    at_the_provider = (
        reason == "FREQUENCY" and (care or {}).get("frequency_liability", "provider") == "provider"
    )
    if reason in NOT_THE_PATIENT or at_the_provider:
        kept_by_prior = line.get("prior", 0)
        tax = tax_on(bareme, line, kept_by_prior)
        return 0, kept_by_prior + tax, total - kept_by_prior, tax, reason
    tax = tax_on(bareme, line, total)
    return 0, total + tax, 0, tax, reason


def tax_on(bareme, line, amount):
    act = (bareme or {"acts": {}})["acts"].get(line["code"], {})
    return percent(amount, act.get("tax_bp", 0))


def judge_one_by_one(notes, claim, contract, bareme, care, past):
    day = claim["day"]
    had = {(p["code"], p["tooth"]) for p in past if p["day"] == day}
    units = {}
    for note in notes:
        line = note["line"]
        act = bareme["acts"].get(line["code"])
        category = (act or {}).get("category", "")
        if category in CARE and category not in MAY_BILL[claim["kind"]]:
            note["reason"] = "ACT_NOT_ALLOWED_FOR_TYPE"
        elif any(excludes(rule, line, claim) for rule in contract["exclusions"]):
            note["reason"] = "EXCLUDED"
        elif care is None:
            note["reason"] = "NOT_COVERED"
        elif day < first_day(contract, care) and not (line["accident"] and care.get("accident_exempt", True)):
            note["reason"] = "WAITING"
        elif act is None and bareme.get("default") != "asked":
            note["reason"] = "NOT_IN_BAREME"
        elif (line["code"], line["tooth"]) in had and not (act or {}).get("repeatable"):
            note["reason"] = "DUPLICATE"
        else:
            note["granted"] = grant(line, care, past, units, day)
            if note["granted"] == 0:
                note["reason"] = "FREQUENCY"
                continue
            units[line["code"]] = units.get(line["code"], 0) + note["granted"]
            had.add((line["code"], line["tooth"]))
            note["U1"], note["U"] = unit_prices(line, act or {}, care, bareme)
            note["E"] = note["granted"] * note["U"]


def excludes(rule, line, claim):
    if rule.get("until_date") and claim["day"] > date.fromisoformat(rule["until_date"]):
        return False
    checks = []
    if rule.get("code"):
        checks.append(rule["code"] == line["code"])
    if rule.get("prefix"):
        checks.append(line["code"].startswith(rule["prefix"]))
    if rule.get("care_type"):
        checks.append(rule["care_type"] == claim["type"])
    if rule.get("diagnosis_prefix"):
        checks.append(line.get("diagnosis", "").startswith(rule["diagnosis_prefix"]))
    return bool(checks) and all(checks)


def first_day(contract, care):
    days = care.get("waiting_days")
    days = contract["carence"] if days is None else days
    return max(contract["chain"], contract["joined"]) + timedelta(days=days)


def grant(line, care, past, units, day):
    rule = care.get("acts", {}).get(line["code"], {})
    if "max_qty" not in rule and "per_days" not in rule:
        return line["quantity"]
    days = rule.get("per_days", 1)
    taken = units.get(line["code"], 0)
    for p in past:
        if p["code"] == line["code"] and -days < (p["day"] - day).days < days:
            taken += p["quantity"]
    return max(0, min(line["quantity"], rule.get("max_qty", 1) - taken))


def unit_prices(line, act, care, bareme):
    limit = act.get("fee_limit", act.get("price"))
    agreed = line["unit_price"] if limit is None else min(line["unit_price"], limit)
    brand = act.get("generic_group") and not act.get("is_generic")
    insisted = not line.get("substitutable", True) and line.get("prescriber") and line.get("why")
    if brand and care.get("brand_policy") == "reference_price" and not insisted:
        reference = bareme["reference_prices"].get(act["generic_group"])
        return agreed, agreed if reference is None else min(agreed, reference)
    return agreed, agreed


def judge_pairs(notes, claim, bareme, past):
    stay = claim.get("end") or claim["day"]
    kept = [(p["code"], p["tooth"], "past") for p in past if p["day"] == claim["day"]]
    kept += [(p["code"], p["tooth"], "stay") for p in past if claim["day"] < p["day"] <= stay]
    alive = [note for note in notes if not note["reason"]]
    for note in sorted(alive, key=lambda n: (-n["E"], n["line"]["sequence"])):
        code, tooth = note["line"]["code"], note["line"]["tooth"]
        enemy = None
        for a, b, scope in bareme.get("incompatible", ()):
            for other, other_tooth, where in kept:
                fits = {code, other} == {a, b} if a != b else code == other == a
                if scope == "claim" and where != "here":
                    fits = False
                if where == "stay" and scope != "stay":
                    fits = False
                if scope == "tooth" and other_tooth != tooth:
                    fits = False
                if fits and enemy is None:
                    enemy = other
        if enemy is not None:
            shares = bareme.get("association_bp", {})
            share = next(
                (shares[k] for k in (f"{enemy}+{code}", f"{code}+{enemy}", code, "*") if k in shares), None
            )
            if share is None:
                note["reason"] = "INCOMPATIBLE"
                continue
            note["share"] = share
            note["E"] = percent(note["E"], share)
        kept.append((code, tooth, "here"))


def pay(notes, claim, contract, bareme, care, used):
    kind = claim["type"]
    room = rooms(contract, care, kind, used)
    consumed = {}
    lines = []
    for note in notes:
        if note["reason"]:
            lines.append(refused(note["line"], note["reason"], bareme, care))
        else:
            lines.append(pay_line(note, contract, bareme, care, room, consumed, kind))
    asked = sum(n["line"]["quantity"] * n["line"]["unit_price"] for n in notes)
    if (
        (asked or all(n["reason"] for n in notes))
        and not any(line[0] for line in lines)
        and not consumed.get(f"deductible:{kind}")
    ):
        return "rejected", lines, {}
    return "payable", lines, {scope: amount for scope, amount in consumed.items() if amount}


def rooms(contract, care, kind, used):
    limit = contract.get("limit")
    if contract.get("by_dependants"):
        steps = contract["by_dependants"]
        limit = steps[min(contract.get("dependants", 0), len(steps) - 1)]

    def left(scope, ceiling):
        return None if ceiling is None else max(0, ceiling - used.get(scope, 0))

    return {
        "year": None if care.get("outside_limit") else left("*", limit),
        "counts": not care.get("outside_limit"),
        "care": left(kind, care.get("annual_sublimit")),
        "claim": care.get("claim_cap"),
        "deductible_claim": care.get("deductible_per_claim") or 0,
        "deductible_year": left(f"deductible:{kind}", care.get("deductible_annual")) or 0,
    }


def pay_line(note, contract, bareme, care, room, consumed, kind):
    line = note["line"]
    act = bareme["acts"].get(line["code"], {})
    rule = care.get("acts", {}).get(line["code"], {})
    total, prior, granted = line["quantity"] * line["unit_price"], line.get("prior", 0), note["granted"]
    tax_bp = act.get("tax_bp", 0)
    inside = tax_bp if care.get("tax_reimbursed") else 0
    charge = gross(total, inside)
    eligible = gross(note["E"], inside)
    writeoff = charge - eligible - excess_of_patient(note, line, care, bareme, inside, total)
    of_base = rule.get("of_base_bp", care.get("of_base_bp"))
    base = base_of(note, act, of_base, inside)
    borne = bear_deductible(min(base, eligible), room, consumed, kind)
    pays = percent(base - borne, of_base if of_base is not None else rate_of(rule, act, care))
    pays = min(pays, max(0, min(eligible, max(base, pays + borne)) - borne))
    pays = max(0, pays - care.get("fixed_copay", 0))
    if prior and of_base is None:
        pays = min(pays, max(0, charge - writeoff - prior))
    elif prior and care.get("prior_included", True):
        pays = max(0, pays - prior)
    elif prior:
        pays = max(0, min(pays, eligible - prior))
    cap = rule.get("cap", care.get("act_cap"))
    ceilings = [room["claim"], room["care"], room["year"], None if cap is None else cap * granted]
    pays = min([pays] + [ceiling for ceiling in ceilings if ceiling is not None])
    spend(pays, room, consumed, kind)
    # An earlier payer's money comes out of the patient's part first, then out of what is written off.
    writeoff = min(writeoff, charge - pays - prior)
    tax = charge - total
    if tax_bp and not tax:
        tax = percent(total - writeoff, tax_bp)
    return pays, total + tax - pays - writeoff, writeoff, tax, ""


def gross(amount, tax_bp):
    return amount + percent(amount, tax_bp)


def excess_of_patient(note, line, care, bareme, inside, total):
    """What is asked above the eligible amount and may be asked of the patient."""
    granted_at_asked = gross(note["granted"] * line["unit_price"], inside)
    excess = 0
    if care.get("frequency_liability", "provider") == "patient":
        excess += gross(total, inside) - granted_at_asked
    if bareme.get("excess") == "patient":
        excess += granted_at_asked - gross(note["granted"] * note["U"], inside)
    return excess


def base_of(note, act, of_base, inside):
    unit = act.get("base", note["U"])
    base = note["granted"] * (unit if of_base is not None else min(unit, note["U"]))
    return gross(percent(base, note.get("share", 10_000)), inside)


def bear_deductible(amount, room, consumed, kind):
    yearly = min(room["deductible_year"], amount)
    once = min(room["deductible_claim"], amount - yearly)
    room["deductible_year"] -= yearly
    room["deductible_claim"] -= once
    consumed[f"deductible:{kind}"] = consumed.get(f"deductible:{kind}", 0) + yearly
    return yearly + once


def rate_of(rule, act, care):
    candidates = [rule.get("rate_bp"), act.get("rate_bp")]
    if act.get("is_generic"):
        candidates.append(care.get("generic_rate_bp"))
    return next((rate for rate in candidates if rate is not None), care["rate_bp"])


def spend(amount, room, consumed, kind):
    for name in ("claim", "care", "year"):
        if room[name] is not None:
            room[name] -= amount
    consumed[kind] = consumed.get(kind, 0) + amount
    if room["counts"]:
        consumed["*"] = consumed.get("*", 0) + amount
