"""Checks with the real core: what would be found if this were handed over."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rx_clinical import load_catalogue
from rx_clinical.model.facts import (
    Confirmation,
    Evidence,
    Fill,
    HandOver,
    Medicine,
    Moment,
    PatientFact,
    Procedure,
    Report,
    UnreadFact,
    Void,
    event_key,
)
from rx_interactions.domain.answer import Answer, Freshness, KnownHistory
from rx_interactions.domain.dispense import Dispense
from rx_interactions.domain.gaps import GENERAL_GAPS
from rx_interactions.handlers import check_dispense
from rx_runtime.errors import DependencyUnavailable

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
METHADONE = Medicine(text="methadone 10 mg", ingredients=("6813",), form_key="methadone_oral", days_supply=Decimal(30))
RANITIDINE = Medicine(text="ranitidine 150 mg", ingredients=("9143",))
LDN = Medicine(
    text="compounded LDN 4.5 mg",
    ingredients=("7243",),
    form_key="ntx_ldn",
    daily_dose_mg=Decimal("4.5"),
    days_supply=Decimal(30),
)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def envelope(event_id, time):
    return {
        "key": event_key("demo", event_id),
        "event_id": event_id,
        "source": "demo",
        "site": "main-street",
        "revision": (1, 0),
        "occurred": Moment.instant(at(time)),
        "recorded_at": at(time),
    }


def fill(event_id, time, medicine):
    return Fill(medicine=medicine, **envelope(event_id, time))


METHADONE_FILL = fill("methadone", "2026-03-01T09:00", METHADONE)
RANITIDINE_REPORT = Report(medicine=RANITIDINE, kind="otc", ongoing=True, **envelope("ranitidine", "2026-03-10T12:00"))
HEADLINE = (METHADONE_FILL, RANITIDINE_REPORT)


class Histories:
    """One history for everybody, or none that can be read."""

    def __init__(self, *facts, known_since=None, sources=(), broken=False):
        self.known = KnownHistory(facts=facts, known_since=known_since, sources=sources)
        self.broken = broken

    async def history(self, namespace, value, *, timeout_seconds):  # noqa: ARG002  # as the port says
        if self.broken:
            raise DependencyUnavailable("HISTORY_UNAVAILABLE", "no answer")
        return self.known


async def check(medicine, time, *facts, codings=(), **history):
    return await check_dispense(
        "demo",
        "patient",
        Dispense(
            medicine=medicine, codings=codings, hand_over_time=at(time), site_id="main-street", zone="America/New_York"
        ),
        histories=Histories(*facts, **history),
        catalogue=load_catalogue(),
        expected_interval=lambda _: timedelta(hours=24),
        timeout_seconds=1,
    )


def rules(findings):
    return [(finding.rule, finding.severity.value) for finding in findings]


async def test_ldn_for_a_methadone_patient_on_ranitidine_is_held_until_15_days_8_hours_45_minutes_after_the_supply():
    result = await check(LDN, "2026-04-14T12:00", *HEADLINE)

    assert result.answer is Answer.HOLD
    assert ("WR-02", "contraindicated") in rules(result.findings)
    starts = {finding.earliest_start_time for finding in result.findings if finding.rule == "WR-02"}
    assert starts == {at("2026-04-15T17:45")}


async def test_the_same_dispense_at_its_earliest_start_finds_nothing_and_still_names_the_gaps():
    result = await check(LDN, "2026-04-15T17:45", *HEADLINE)

    assert result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY
    assert "WR-02" not in dict(rules(result.findings))
    assert any("leftover tablets" in gap for gap in result.gaps)


async def test_an_opioid_for_a_patient_on_ldn_is_held():
    result = await check(METHADONE, "2026-04-10T09:00", fill("ldn", "2026-04-01T09:00", LDN))

    assert result.answer is Answer.HOLD
    assert ("BL-01", "major") in rules(result.findings)


async def test_what_stands_without_the_dispense_is_listed_apart_and_does_not_hold_it():
    amoxicillin = Medicine(text="amoxicillin 500 mg", ingredients=("723",))
    ldn = fill("ldn", "2026-04-14T12:00", LDN)
    handed = HandOver(fill=ldn.key, **envelope("handed", "2026-04-14T12:00"))
    result = await check(amoxicillin, "2026-04-14T13:00", *HEADLINE, ldn, handed)

    assert ("WR-02", "contraindicated") in rules(result.unchanged)
    assert result.answer is not Answer.HOLD


async def test_a_dispense_changes_nothing_that_is_on_record():
    before = await check(RANITIDINE, "2026-04-14T12:00", METHADONE_FILL)
    again = await check(RANITIDINE, "2026-04-14T12:00", METHADONE_FILL)

    assert before == again


@pytest.mark.parametrize("codings", [(), [(RXNORM, "99999999")], [("http://example.org/local", "A1")]])
async def test_an_unknown_product_is_not_assessed(codings):
    result = await check(Medicine(text="mystery tablet"), "2026-04-14T12:00", *HEADLINE, codings=codings)

    assert result.answer is Answer.NOT_ASSESSED
    assert result.gaps[0] == "The product asked about has no known code: nothing about it was assessed."


async def test_an_unknown_product_that_names_an_opioid_is_held():
    result = await check(Medicine(text="oxycodone from abroad"), "2026-04-14T12:00", METHADONE_FILL)

    assert result.answer is Answer.HOLD
    assert ("DQ-03", "major") in rules(result.findings)


async def test_a_compound_with_an_unknown_part_is_assessed_as_far_as_it_is_known():
    mixed = Medicine(
        text="LDN with something",
        ingredients=("7243", "99999999"),
        form_key="ntx_ldn",
        daily_dose_mg=Decimal("4.5"),
        days_supply=Decimal(30),
    )
    early = await check(mixed, "2026-04-14T12:00", *HEADLINE)
    late = await check(mixed, "2026-05-14T12:00", METHADONE_FILL)

    assert early.answer is Answer.HOLD
    assert late.answer is Answer.NOT_ASSESSED
    assert "part of the product" in late.gaps[0]


async def test_a_form_that_is_in_no_table_is_not_assessed():
    result = await check(Medicine(form_key="no_such_form"), "2026-04-14T12:00", METHADONE_FILL)

    assert result.answer is Answer.NOT_ASSESSED


async def test_an_uncoded_opioid_on_record_is_named_and_must_be_confirmed():
    unread = fill("unread", "2026-02-01T09:00", Medicine(text="methadone drops, foreign", coded=False))
    result = await check(LDN, "2026-04-14T12:00", unread)

    assert result.answer is Answer.CONFIRM
    assert any("methadone drops, foreign" in gap for gap in result.gaps)


async def test_an_uncoded_opioid_on_record_does_not_concern_a_medicine_that_no_rule_knows():
    unread = fill("unread", "2026-02-01T09:00", Medicine(text="methadone drops, foreign", coded=False))
    result = await check(Medicine(text="amoxicillin 500 mg", ingredients=("723",)), "2026-04-14T12:00", unread)

    assert result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY


async def test_an_uncoded_opioid_that_was_entered_in_error_is_no_gap():
    unread = fill("unread", "2026-02-01T09:00", Medicine(text="methadone drops, foreign", coded=False))
    void = Void(refers_to=unread.key, **envelope("void", "2026-02-02T09:00"))
    result = await check(LDN, "2026-04-14T12:00", unread, void)

    assert result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY
    assert not any("methadone drops" in gap for gap in result.gaps)


@pytest.mark.parametrize(
    ("kind", "in_words"),
    [
        ("merge", "a merge of two patient records"),
        ("unknown", "a kind of fact that a later version introduced"),
        ("of_another_time", "of_another_time"),
    ],
)
async def test_what_is_on_record_but_not_read_is_named_in_words_and_must_be_confirmed(kind, in_words):
    unread = UnreadFact(kind=kind, **envelope("unread", "2026-02-01T09:00"))
    result = await check(LDN, "2026-04-14T12:00", unread)

    assert result.answer is Answer.CONFIRM
    assert any("not read" in gap and in_words in gap for gap in result.gaps)


@pytest.mark.parametrize(
    "fact",
    [
        Evidence(kind="pdmp_review", **envelope("read", "2026-02-01T09:00")),
        PatientFact(kind="allergy", value="dye", **envelope("read", "2026-02-01T09:00")),
        Procedure(planned=Moment.instant(at("2026-12-01T09:00")), **envelope("read", "2026-02-01T09:00")),
        Confirmation(by="pharmacist", daily_dose_mg=Decimal("0.1"), opioids=(), **envelope("read", "2026-02-01T09:00")),
        Report(medicine=RANITIDINE, kind="otc", restricted=True, **envelope("read", "2026-02-01T09:00")),
    ],
    ids=lambda fact: type(fact).__name__,
)
async def test_a_fact_that_is_read_is_no_gap_whatever_it_says(fact):
    result = await check(LDN, "2026-04-14T12:00", fact)

    assert result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY
    assert not any("not read" in gap for gap in result.gaps)
    assert result.gaps[-len(GENERAL_GAPS) :] == GENERAL_GAPS


async def test_a_liver_disease_on_record_leaves_the_standing_gap_about_it():
    liver = PatientFact(kind="liver", value="cirrhosis", **envelope("liver", "2026-02-01T09:00"))
    result = await check(METHADONE, "2026-04-14T12:00", liver)

    assert "Liver and kidney disease, which slow elimination, are not modelled." in result.gaps


async def test_what_is_not_read_does_not_concern_a_medicine_that_no_rule_knows():
    unread = UnreadFact(kind="merge", **envelope("unread", "2026-02-01T09:00"))
    result = await check(Medicine(text="amoxicillin 500 mg", ingredients=("723",)), "2026-04-14T12:00", unread)

    assert result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY
    assert any("a merge of two patient records" in gap for gap in result.gaps)


async def test_an_empty_history_is_not_a_clear_one():
    result = await check(LDN, "2026-04-14T12:00")

    assert result.answer is Answer.NO_FINDING_IN_KNOWN_HISTORY
    assert "Nothing is on record about this patient: an empty history is not a clear one." in result.gaps


async def test_how_far_the_history_reaches_is_said():
    undeclared = await check(LDN, "2026-04-14T12:00")
    declared = await check(LDN, "2026-04-14T12:00", known_since=at("2025-01-01T00:00"))

    assert any("No source declares" in gap for gap in undeclared.gaps)
    assert "What happened before 2025-01-01T00:00:00Z may be missing." in declared.gaps


@pytest.mark.parametrize(("newest", "stale"), [("2026-04-13T12:00", False), ("2026-04-13T11:59", True)])
async def test_a_source_that_has_been_silent_for_longer_than_expected_is_stale(newest, stale):
    source = Freshness(source="demo", newest_recorded_time=at(newest))
    result = await check(LDN, "2026-04-14T12:00", sources=[source])

    assert any("Source demo is stale" in gap for gap in result.gaps) is stale


async def test_without_the_history_there_is_no_answer():
    with pytest.raises(DependencyUnavailable):
        await check(LDN, "2026-04-14T12:00", broken=True)
