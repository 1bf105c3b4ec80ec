"""The confirmation of an ultra-low dose beside an opioid: its states, what it is bound to and what voids it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import Confirmation, ConfirmedOpioid
from rx_clinical.model.findings import Severity
from rx_clinical.rules.withdrawal.confirmations import State, state_of, voided

from tests.lib.clinical.kit import at, envelope, fill, given, ldn, medicine, methadone, order, oxycodone, void

CONFIRMED_AT = at("2026-03-02T09:00")
OPIOID = fill("O", at("2026-03-01T09:00"), oxycodone("30", dose="20"))
ULDN = fill("U", at("2026-03-02T12:00"), ldn("0.5"))


def confirmed(by, *, dose="0.5", opioids=(("oxycodone_ir", "20"),), time=CONFIRMED_AT, event_id=None):
    return Confirmation(
        by=by,
        daily_dose_mg=Decimal(dose),
        opioids=tuple(
            ConfirmedOpioid(form_key=form_key, daily_dose_mg=None if mg is None else Decimal(mg))
            for form_key, mg in opioids
        ),
        recorded_by="A. Person",
        **envelope(event_id or f"C {by}", time),
    )


def both(**changes):
    return confirmed("prescriber", **changes), confirmed("pharmacist", **changes)


def path(catalogue, *facts, rule="WR-05"):
    found = [one for one in assess(History(facts=facts), catalogue).findings if one.rule.startswith("WR-")]
    assert {one.rule for one in found} == {rule}
    return found[0]


# States


def halves(*by):
    """One half an hour, in this order."""
    return [
        confirmed(one, time=CONFIRMED_AT + timedelta(hours=number), event_id=str(number))
        for number, one in enumerate(by)
    ]


@pytest.mark.parametrize(
    ("by", "state"),
    [
        ((), State.HELD),
        (("prescriber",), State.BY_PRESCRIBER),
        (("pharmacist",), State.HELD),
        (("prescriber", "pharmacist"), State.CONFIRMED),
        (("pharmacist", "prescriber"), State.BY_PRESCRIBER),
        (("pharmacist", "prescriber", "pharmacist"), State.CONFIRMED),
        (("prescriber", "prescriber"), State.BY_PRESCRIBER),
    ],
)
def test_the_prescriber_confirms_first_and_then_the_pharmacist(by, state):
    assert state_of(halves(*by)) is state
    assert state_of(reversed(halves(*by))) is state


def test_halves_of_the_same_time_confirm():
    assert state_of(both()) is State.CONFIRMED


@pytest.mark.parametrize(
    ("held", "severity", "confirmation_needed", "said"),
    [
        ((), Severity.MAJOR, True, "Held: the prescriber and the pharmacist must both confirm"),
        (both()[:1], Severity.MAJOR, True, "The prescriber has confirmed; the pharmacist has not yet."),
        (both()[1:], Severity.MAJOR, True, "Held: the prescriber and the pharmacist must both confirm"),
        (
            both(),
            Severity.MODERATE,
            False,
            "valid for 90 days, for this dose beside these opioids. Monitor for 14 days",
        ),
    ],
    ids=["by nobody", "by the prescriber", "by the pharmacist", "by both"],
)
def test_the_path_stays_major_until_both_have_confirmed(catalogue, held, severity, confirmation_needed, said):
    found = path(catalogue, OPIOID, ULDN, *held)
    assert (found.severity, found.requires_confirmation) == (severity, confirmation_needed)
    assert said in found.text
    assert "0.5 mg (five tenths of one milligram)" in found.text
    assert "agree a dose review, watch sedation, offer naloxone" in found.text
    assert (found.earliest_start_time, found.no_start_time_reason) == (None, "CONCURRENT_BY_INTENT")
    expected = "ULDN_CONFIRMED" if len(held) == 2 else "ULDN_CLINICIAN_CONFIRM"
    assert expected in found.reason_codes
    assert "CONFIRMATION_VOID" not in found.reason_codes


def test_a_confirmation_entered_in_error_confirms_nothing(catalogue):
    found = path(catalogue, OPIOID, ULDN, *both(), void("V", at("2026-03-03T09:00"), of="C pharmacist"))
    assert (found.severity, found.requires_confirmation) == (Severity.MAJOR, True)
    assert "The prescriber has confirmed; the pharmacist has not yet." in found.text


def test_the_halves_stand_among_what_the_finding_rests_on(catalogue):
    found = path(catalogue, OPIOID, ULDN, *both())
    assert {one.event_id for one in found.basis if one.role == "evidence"} == {"C prescriber", "C pharmacist"}


# What voids one


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"at": CONFIRMED_AT + timedelta(days=90, seconds=-1)}, None),
        ({"at": CONFIRMED_AT + timedelta(days=90)}, "it is too old"),
        ({"daily_dose_mg": Decimal("0.50")}, None),
        ({"daily_dose_mg": Decimal("0.25")}, "it is for another naltrexone dose"),
        ({"daily_dose_mg": None}, "it is for another naltrexone dose"),
        ({"opioids": [("oxycodone_ir", Decimal(25))]}, None),
        ({"opioids": [("oxycodone_ir", Decimal("25.1"))]}, "an opioid dose has grown by more than a quarter"),
        ({"opioids": [("oxycodone_ir", Decimal(5))]}, None),
        ({"opioids": [("oxycodone_ir", None)]}, "an opioid dose is not known"),
        ({"opioids": [("oxycodone_er", Decimal(20))]}, "it does not cover every opioid"),
        (
            {"opioids": [("oxycodone_ir", Decimal(20)), ("tramadol_ir", Decimal(50))]},
            "it does not cover every opioid",
        ),
        ({"opioids": []}, None),
    ],
)
def test_what_a_confirmation_is_bound_to(catalogue, changes, why):
    asked = {"at": CONFIRMED_AT, "daily_dose_mg": Decimal("0.5"), "opioids": [("oxycodone_ir", Decimal(20))]} | changes
    assert voided(confirmed("prescriber"), policy=catalogue.policy, **asked) == why


@pytest.mark.parametrize("name", [None, ""])
def test_a_confirmation_by_nobody_confirms_nothing(catalogue, name):
    unnamed = [replace(half, recorded_by=name) for half in both()]
    assert voided(unnamed[0], CONFIRMED_AT, Decimal("0.5"), [], catalogue.policy) == "it names nobody"
    found = path(catalogue, OPIOID, ULDN, *unnamed)
    assert (found.severity, "it names nobody" in found.text) == (Severity.MAJOR, True)


def test_an_opioid_dose_that_was_not_known_at_confirmation_is_no_bound(catalogue):
    half = confirmed("prescriber", opioids=[("oxycodone_ir", None)])
    opioids = [("oxycodone_ir", Decimal(20))]
    assert voided(half, CONFIRMED_AT, Decimal("0.5"), opioids, catalogue.policy) == "an opioid dose is not known"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([fill("O2", at("2026-03-20T09:00"), oxycodone("30", dose="30"))], "grown by more than a quarter"),
        ([fill("T", at("2026-03-20T09:00"), medicine("10689", "tramadol_ir", dose="100", days="5"))], "cover every"),
        ([fill("O2", at("2026-03-20T09:00"), oxycodone("30"))], "an opioid dose is not known"),
    ],
)
def test_once_void_it_is_major_again_and_says_why(catalogue, facts, why):
    found = path(catalogue, OPIOID, ULDN, *both(), *facts)
    assert (found.severity, found.requires_confirmation) == (Severity.MAJOR, True)
    assert "CONFIRMATION_VOID" in found.reason_codes
    assert "An earlier confirmation does not hold: " in found.text
    assert why in found.text


def test_a_refill_of_the_same_and_a_generic_switch_void_nothing(catalogue):
    refill = fill("O2", at("2026-03-20T09:00"), replace(OPIOID.medicine, text="Roxicodone 5 mg"))
    assert path(catalogue, OPIOID, ULDN, *both(), refill).severity is Severity.MODERATE


def test_after_ninety_days_the_same_dose_must_be_confirmed_again(catalogue):
    opioid = fill("O2", at("2026-06-01T09:00"), OPIOID.medicine)
    refill = fill("U2", at("2026-06-02T12:00"), ldn("0.5"))
    found = path(catalogue, opioid, refill, *both())
    assert (found.severity, "it is too old" in found.text) == (Severity.MAJOR, True)
    anew = both(time=at("2026-06-01T10:00"))
    again = [replace(half, **envelope(f"{half.event_id} again", half.recorded_at)) for half in anew]
    assert path(catalogue, opioid, refill, *both(), *again).severity is Severity.MODERATE


def test_a_new_confirmation_beside_a_void_one_confirms_and_leaves_the_void_one_unsaid(catalogue):
    other = [replace(half, **envelope(f"{half.event_id} 1", CONFIRMED_AT)) for half in both(dose="0.25")]
    found = path(catalogue, OPIOID, ULDN, *other, *both())
    assert found.severity is Severity.MODERATE
    assert "CONFIRMATION_VOID" not in found.reason_codes
    assert "does not hold" not in found.text


# Where the path ends


def test_a_dose_of_one_milligram_ends_the_path_whatever_is_confirmed(catalogue):
    blocker = fill("U", at("2026-03-02T12:00"), ldn("1"))
    found = path(catalogue, OPIOID, blocker, *both(dose="1"), rule="WR-01")
    assert (found.severity, found.earliest_start_time) == (Severity.CONTRAINDICATED, at("2026-04-14T09:00"))


def test_beside_methadone_above_a_quarter_milligram_nothing_can_be_confirmed(catalogue):
    facts = [fill("M", at("2026-03-01T09:00"), methadone(dose="40")), ULDN]
    found = path(catalogue, *facts, *both(opioids=[("methadone_oral", "40")]), rule="WR-06")
    assert (found.severity, found.requires_confirmation) == (Severity.CONTRAINDICATED, False)
    assert "there is no confirm path" in found.text
    assert found.recommended_actions[0] == "Do not hand over."
    assert found.earliest_start_time == at("2026-04-14T09:00")


def test_beside_methadone_at_a_quarter_milligram_the_path_is_open(catalogue):
    facts = [fill("M", at("2026-03-01T09:00"), methadone(dose="40")), fill("U", at("2026-03-02T12:00"), ldn("0.25"))]
    confirmations = both(dose="0.25", opioids=[("methadone_oral", "40")])
    assert path(catalogue, *facts, *confirmations).severity is Severity.MODERATE


def test_beside_an_order_that_may_have_been_filled_it_is_major_by_assumption(catalogue):
    found = path(catalogue, order("M", at("2026-03-01T09:00"), methadone(dose="40")), ULDN, rule="WR-06")
    assert (found.severity, "UNFILLED_PRESCRIPTION" in found.reason_codes) == (Severity.MAJOR, True)


def test_an_opioid_ordered_beside_the_dose_is_major_until_it_is_filled(catalogue):
    ordered = order("M", at("2026-03-10T09:00"), methadone(dose="40"))
    filled = fill("F", at("2026-03-10T09:00"), methadone(dose="40"))
    assert path(catalogue, ULDN, ordered, rule="WR-06").severity is Severity.MAJOR
    assert path(catalogue, ULDN, filled, rule="WR-06").severity is Severity.CONTRAINDICATED


def test_of_two_opioids_the_one_that_lasts_longer_sets_the_start_of_both(catalogue):
    depot = given("S", at("2026-02-01T09:00"), medicine("1819", "bup_depot_monthly_sublocade", text="Sublocade"))
    facts = [fill("M", at("2026-03-01T09:00"), methadone()), depot, ULDN]
    found = [one for one in assess(History(facts=facts), catalogue).findings if one.rule == "WR-06"]
    assert {one.counterpart for one in found} == {"methadone_oral", "bup_depot_monthly_sublocade"}
    assert {one.earliest_start_time for one in found} == {at("2026-02-01T09:00") + timedelta(hours=7200)}
    (of_methadone,) = [one for one in found if one.counterpart == "methadone_oral"]
    assert [line.ingredient for line in of_methadone.arithmetic] == ["methadone", "buprenorphine"]


def test_a_later_confirmation_of_another_dose_was_never_about_this_one(catalogue):
    later = [replace(half, **envelope(f"{half.event_id} 1", at("2026-03-20T09:00"))) for half in both(dose="0.25")]
    found = path(catalogue, OPIOID, ULDN, *later)
    assert (found.severity, "CONFIRMATION_VOID" in found.reason_codes) == (Severity.MAJOR, False)
    assert "does not hold" not in found.text


def test_ketoconazole_begun_after_two_weeks_reaches_back_and_moves_the_start(catalogue):
    facts = [
        fill("M", at("2026-03-01T09:00"), methadone()),
        fill("K", at("2026-04-16T09:00"), medicine("6135", text="ketoconazole", days="10", route="oral")),
        fill("U", at("2026-04-20T09:00"), ldn("0.5")),
    ]
    found = path(catalogue, *facts, rule="WR-06")
    assert found.earliest_start_time == found.ends_at == at("2026-04-24T23:00")  # 31 March 09:00 + 590 h
    assert "HALF_LIFE_EXTENDED" in found.reason_codes
    assert found.arithmetic[0].multiplier == 2
    without = assess(History(facts=[facts[0], facts[2]]), catalogue).findings
    assert [one.rule for one in without] == ["LD-10"]


def test_when_the_start_has_come_the_path_has_nothing_to_confirm(catalogue):
    start = at("2026-03-31T09:00") + timedelta(hours=336)
    on_time = [one.rule for one in assess(History(facts=[OPIOID, fill("U", start, ldn("0.5"))]), catalogue).findings]
    too_soon = fill("U", start - timedelta(seconds=1), ldn("0.5"))
    assert on_time == ["LD-10"]
    assert path(catalogue, OPIOID, too_soon).severity is Severity.MAJOR
