"""The chart that is read from a history: its newest record, and the facts that it counts."""

from decimal import Decimal

import pytest
from rx_clinical.history.applicability import fact_bits
from rx_clinical.history.chart import read_chart
from rx_clinical.model.facts import Confirmation, Evidence, Moment, PatientFact, Procedure, Stop, event_key

from tests.lib.clinical.kit import SOURCE, at, envelope, fill, handed_over, methadone, oxycodone, report

BEGUN = at("2026-04-01T09:00")
LATER = at("2026-06-01T09:00")


def chart_of(catalogue, *facts):
    return read_chart(facts, catalogue, fact_bits(facts, catalogue))


@pytest.mark.parametrize(
    "step",
    [
        handed_over("h", LATER, "rx"),
        Stop(refers_to=event_key(SOURCE, "report"), **envelope("s", LATER)),
        fill("again", BEGUN, oxycodone(), rx_number="7", fill_number="1", recorded_at=LATER),
        Evidence(kind="pdmp_review", **envelope("e", LATER)),
        PatientFact(kind="liver", value="cirrhosis", **envelope("p", LATER)),
    ],
    ids=["hand-over", "stop", "second sighting", "evidence", "patient fact"],
)
@pytest.mark.parametrize("others", [True, False], ids=["among other facts", "alone"])
def test_the_newest_record_may_be_a_later_step_of_an_earlier_fact(catalogue, step, others):
    facts = [fill("rx", BEGUN, oxycodone(), rx_number="7", fill_number="1"), report("report", BEGUN, methadone())]
    if others:
        early = at("2026-04-02T09:00")
        facts += [handed_over("h0", early, "rx"), Stop(refers_to=event_key(SOURCE, "report"), **envelope("s0", early))]

    assert chart_of(catalogue, *facts, step).newest_recorded_at == LATER


def test_every_kind_of_fact_that_plays_a_role_is_counted(catalogue):
    facts = [
        fill("rx", BEGUN, oxycodone()),
        handed_over("h", BEGUN, "rx"),
        Evidence(kind="pdmp_review", **envelope("e", BEGUN)),
        Confirmation(by="pharmacist", daily_dose_mg=Decimal("0.5"), opioids=(), **envelope("c", BEGUN)),
        PatientFact(kind="liver", value="cirrhosis", **envelope("p", BEGUN)),
        Procedure(planned=Moment.instant(LATER), **envelope("o", BEGUN)),
    ]

    assert {fact.event_id for fact in chart_of(catalogue, *facts).facts()} == {"rx", "h", "e", "c", "p", "o"}
