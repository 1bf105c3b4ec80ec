"""What a compounded preparation contains: fillers that are refused, and allergies that meet an ingredient."""

from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import CompoundRequest, PatientFact
from rx_clinical.model.findings import Display, Severity

from tests.lib.clinical.compounding_facts import NEW_YEAR, found, request, rules
from tests.lib.clinical.kit import at, envelope


def allergy(value, event_id="A"):
    return PatientFact(kind="allergy", value=value, **envelope(event_id, NEW_YEAR))


@pytest.mark.parametrize(
    "filler",
    ["microcrystalline cellulose", "Avicel PH-105", "MCC", "Avicel (microcrystalline cellulose), PH-101/102",
     "", "none", "N/A", "Cellulose, Microcrystalline NF", "cellulose microcrystalline",
     "microcrystalline cellulose and no other additives",
     "Avicel; no calcium carbonate", "Avicel, lactose free", "not applicable"],
)  # fmt: skip
def test_microcrystalline_cellulose_or_no_filler_raises_nothing(catalogue, filler):
    assert rules(catalogue, request(filler=filler)) == []


@pytest.mark.parametrize(
    ("filler", "said", "overridden"),
    [
        ("calcium carbonate", "calcium carbonate is refused: it reduces the absorption", False),
        ("Sodium Bicarbonate", "bicarbonate is refused: it is not inert", False),
        ("Methocel K100M", "is refused: it is a slow-release matrix", False),
        ("hypromellose E4M", "is refused: it is a slow-release matrix", False),
        ("Avicel + HPMC matrix", "hpmc matrix is refused", False),
        ("MCC / CaCO3", "caco3 is refused", False),
        ("calcium carbonate lactose", "is refused", False),
        ("mannitol", "mannitol is no microcrystalline cellulose (it is in no list)", False),
        ("lactose and mannitol", "mannitol is no microcrystalline cellulose", False),
        ("sucrose", "only by a pharmacist's override with an allergy check", True),
        ("lactose monohydrate", "only by a pharmacist's override with an allergy check", True),
    ],
)
def test_any_other_filler_stops_the_request_and_says_why(catalogue, filler, said, overridden):
    (finding,) = found(catalogue, request(filler=filler))
    assert (finding.rule, finding.severity, finding.display) == ("CP-01", Severity.MAJOR, Display.INTERRUPTIVE)
    assert said in finding.text
    assert finding.requires_confirmation is overridden
    assert finding.recommended_actions == ("Change filler",)
    assert "SEED4" in finding.sources


@pytest.mark.parametrize(
    ("allergen", "stated", "flagged"),
    [
        ("lactose intolerance", {"api_source": "naltrexone 50 mg tablets"}, ["lactose"]),
        ("dyes", {"api_source": "tablets"}, ["dye"]),
        ("HPMC", {"api_source": "50 mg tabs"}, ["hypromellose"]),
        ("lactose", {"api_source": "bulk powder"}, []),
        ("lactose", {"api_source": ""}, ["lactose"]),
        ("lactose", {"filler": "lactose"}, [None, "lactose"]),
        ("sucrose", {"filler": "sugar"}, [None, "sucrose"]),
        ("sucrose", {"preparation": "oral solution", "vehicle": "simple syrup"}, ["sucrose"]),
        ("sucrose", {"preparation": "oral solution", "vehicle": "sugar-free syrup"}, []),
        ("gelatin", {}, ["gelatin"]),
        ("gelatin", {"preparation": "HPMC capsule"}, []),
        ("hypromellose", {"preparation": "vegetable capsule"}, ["hypromellose"]),
        ("gelatin", {"preparation": "cream"}, []),
        ("no lactose allergy", {"api_source": "tablets"}, []),
        ("penicillin", {"api_source": "tablets"}, []),
    ],
)
def test_an_allergy_meets_what_the_preparation_brings(catalogue, allergen, stated, flagged):
    findings = found(catalogue, allergy(allergen), request(**stated))
    assert sorted(one.counterpart or "" for one in findings) == [name or "" for name in flagged]
    assert {one.rule for one in findings} <= {"CP-01"}
    for one in findings:
        assert allergen in one.text or "An allergy is on record" in one.text


def test_an_allergy_recorded_after_the_request_is_told_as_late(catalogue):
    late = PatientFact(kind="allergy", value="gelatin", **envelope("A", at("2026-02-01T09:00")))
    (finding,) = found(catalogue, late, request())
    assert "RE_EVALUATED_LATE_EVENT" in finding.reason_codes
    assert {basis.role for basis in finding.basis} == {"deficient", "patient"}


BEGUN = at("2026-04-01T09:00")
ALWAYS_KNOWN = at("2000-01-01T00:00")


def findings(catalogue, rule, *facts):
    found = assess(History(facts=facts, known_since=ALWAYS_KNOWN), catalogue).findings
    return [one for one in found if one.rule == rule]


def test_a_filler_is_told_with_an_allergy_only_where_one_is_on_record(catalogue):
    request = CompoundRequest(
        preparation="capsule",
        strength_mg=Decimal("4.5"),
        quantity=Decimal(90),
        api_source="naltrexone bulk powder",
        filler="lactose",
        **envelope("r", BEGUN),
    )
    allergy = PatientFact(kind="allergy", value="lactose", **envelope("a", BEGUN))
    of_filler = "override with an allergy check"
    without = [one for one in findings(catalogue, "CP-01", request) if of_filler in one.text]
    with_allergy = [one for one in findings(catalogue, "CP-01", request, allergy) if of_filler in one.text]

    assert ["allergy is on record" in one.text for one in without] == [False]
    assert ["allergy is on record" in one.text for one in with_allergy] == [True]


def test_an_allergen_in_a_preparation_is_for_a_person_to_confirm(catalogue):
    request = CompoundRequest(
        preparation="capsule",
        strength_mg=Decimal("4.5"),
        quantity=Decimal(90),
        api_source="naltrexone 50 mg tablets",
        filler="microcrystalline cellulose",
        **envelope("r", BEGUN),
    )
    allergy = PatientFact(kind="allergy", value="lactose", **envelope("a", BEGUN))

    assert [one.requires_confirmation for one in findings(catalogue, "CP-01", request, allergy)] == [True]
