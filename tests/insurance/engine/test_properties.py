"""What holds of any claim: the reference agrees, everything re-adds, ceilings hold, rates are monotonic."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apps.insurance.engine import adjudicate, digest, from_json, limits_of, to_json
from apps.insurance.engine.explain import LANGUAGES, explain
from apps.insurance.engine.types import Balances, Request, Result
from tests.figures import FULL
from tests.insurance.engine.naive import naive_price
from tests.insurance.engine.strategies import arguments, cases, rates

thorough = settings(max_examples=2_500 if FULL else 150, deadline=None)


@thorough
@given(cases)
def test_agrees_with_the_naive_reference(case):
    claim, contract, bareme, past, used = case
    status, lines, consumption = naive_price(claim, contract, bareme, past, used)
    result = adjudicate(*arguments(case))
    found = [
        (line.covered, line.copay, line.writeoff, line.tax, line.reason_code if line.is_stopped else "")
        for line in result.lines
    ]
    assert (result.status, found, result.consumption) == (status, lines, consumption)


@thorough
@given(cases)
def test_re_adds_to_the_unit(case):
    result = adjudicate(*arguments(case))
    for line in result.lines:
        charge = line.line_total + line.tax
        assert line.covered + line.copay + line.writeoff == charge
        assert line.covered + sum(each.amount for each in line.adjustments) == charge
        assert min(line.covered, line.copay, line.writeoff, line.tax, line.allowed) >= 0
        assert all(each.amount > 0 for each in line.adjustments)
        assert line.covered <= line.allowed
        assert line.covered + line.prior_paid <= charge - line.writeoff or line.is_stopped
        written_off = sum(a.amount for a in line.adjustments if a.group == "CO" or a.carc == "18")
        assert written_off == line.writeoff
        assert sum(a.amount for a in line.adjustments if a.group == "PR") == line.patient_share
        befores, afters = [s.before for s in line.steps], [s.after for s in line.steps]
        assert befores[1:] == afters[:-1]
        assert afters[-1] == line.covered
    assert result.total + result.tax == result.covered + result.copay + result.writeoff
    assert result.covered == sum(line.covered for line in result.lines)


@thorough
@given(cases)
def test_keeps_every_ceiling(case):
    request, contract, bareme, history, balances, config = arguments(case)
    limits = limits_of(contract, request.type)
    # Rows of balances never stand above their limit.
    used = {s: min(u, limits[s]) if limits.get(s) is not None else u for s, u in balances.used.items()}
    result = adjudicate(request, contract, bareme, history, Balances(used), config)
    for scope, amount in result.consumption.items():
        assert amount > 0
        assert limits[scope] is None or used.get(scope, 0) + amount <= limits[scope]
    care = contract.coverage.get(request.type)
    if result.status == "payable" and not care.outside_limit:
        assert result.consumption.get("*", 0) == result.covered
    if care is not None and care.claim_cap is not None:
        assert result.covered <= care.claim_cap


@thorough
@given(cases, rates)
def test_never_covers_less_at_a_higher_rate(case, rate):
    request, contract, bareme, history, balances, config = arguments(case)
    care = contract.coverage.get(request.type)
    assume(care is not None and care.rate_bp <= rate)
    higher = replace(contract, coverage={**contract.coverage, request.type: replace(care, rate_bp=rate)})
    before = adjudicate(request, contract, bareme, history, balances, config)
    after = adjudicate(request, higher, bareme, history, balances, config)
    assert after.covered >= before.covered


@thorough
@given(cases, st.randoms(use_true_random=False))
def test_pays_the_same_in_any_order_of_lines(case, random):
    request, *others = arguments(case)
    care = others[0].coverage.get(request.type)
    assume(care is not None and not care.deductible_per_claim and not care.deductible_annual)
    result = adjudicate(request, *others)
    touched = {line.reason_code for line in result.lines} | {
        s.rule for line in result.lines for s in line.steps
    }
    assume(not touched & {"FREQUENCY", "DUPLICATE", "INCOMPATIBLE", "BUNDLED"})
    shuffled = random.sample(request.lines, len(request.lines))
    renumbered = tuple(replace(line, sequence=i) for i, line in enumerate(shuffled, 1))
    assert adjudicate(replace(request, lines=renumbered), *others).covered == result.covered


@thorough
@given(cases, st.randoms(use_true_random=False))
def test_goes_by_the_sequence_and_not_by_the_position(case, random):
    request, *others = arguments(case)
    shuffled = tuple(random.sample(request.lines, len(request.lines)))
    assert adjudicate(replace(request, lines=shuffled), *others) == adjudicate(request, *others)


@thorough
@given(cases)
def test_decides_the_same_again_from_its_stored_inputs(case):
    inputs = arguments(case)
    again = tuple(from_json(type(value), to_json(value)) for value in inputs)
    assert again == inputs
    result = adjudicate(*inputs)
    assert adjudicate(*again) == result
    assert from_json(Result, to_json(result)) == result
    assert digest(from_json(Request, to_json(inputs[0]))) == digest(inputs[0])


@settings(max_examples=60, deadline=None)
@given(cases)
def test_explains_every_line_in_every_language(case):
    for line in adjudicate(*arguments(case)).lines:
        texts = {explain(line, "TND", language) for language in LANGUAGES}
        assert len(texts) == len(LANGUAGES)
        assert not any("{" in text or "–" in text for text in texts)
