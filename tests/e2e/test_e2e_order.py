"""Findings are a function of the set of events: order, duplicates and batches on the way change nothing."""

import asyncio
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.lib.e2e.kit import (
    LDN,
    METHADONE,
    RXNORM,
    documents,
    event,
    fill,
    hand_over,
    in_order,
    loud,
    new_patient,
    without,
)

pytestmark = pytest.mark.stack

SCENARIOS = Path(__file__).parents[1] / "spec/scenarios_public.yaml"
COVERED = tuple(f"P{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 17, 18, 19, 20, 21, 23, 25, 26, 27, 28))
ORDERS = 20
DUPLICATES = 2
SITES = {"UTC": "utc", "America/New_York": "main-street"}
WAVE_PAUSE_SECONDS = 0.1


# A scenario as edge events


def edge_events(scenario: dict[str, Any], patient, source: str) -> list[dict[str, Any]]:
    """The facts of a scenario; a claim reversal is billing and no event."""
    return [
        edge_event(fact, fact.get("id", f"e{number}"), patient, source)
        for number, fact in enumerate(scenario["facts"], 1)
        if fact["type"] != "claim_reversed"
    ]


def edge_event(fact: dict[str, Any], event_id: str, patient, source: str) -> dict[str, Any]:
    zone = fact.get("zone", "UTC")
    built = {
        "event_id": event_id,
        "source": source,
        "source_revision": int(fact.get("revision", 1)),
        "site_id": SITES[zone],
        "patient": patient.reference,
        "recorded_time": fact["recorded_at"] if "recorded_at" in fact else end_of(fact["at"], zone),
        **time_of("occurred", fact["at"]),
    }
    return CONTENT[fact["type"]](fact) | {key: in_full(value) for key, value in built.items()}


def in_full(value: Any) -> Any:
    """An instant with seconds, as the edge wants it."""
    minutes = isinstance(value, str) and len(value) == len("2026-03-01T09:00Z") and value.endswith("Z")
    return f"{value[:-1]}:00Z" if minutes else value


def time_of(field: str, text: str) -> dict[str, str]:
    return {f"{field}_date" if len(text) == len("2026-03-01") else f"{field}_time": in_full(text)}


def end_of(text: str, zone: str) -> str:
    """The instant itself, or the end of a local date."""
    if "T" in text:
        return text
    return datetime.combine(
        date.fromisoformat(text) + timedelta(days=1), datetime.min.time(), ZoneInfo(zone)
    ).isoformat()


def medicine(fact: dict[str, Any]) -> dict[str, Any]:
    """By RxNorm code where the scenario names one, else by ingredients and form."""
    if "rxnorm" in fact:
        product = {"codings": [{"system": RXNORM, "code": fact["rxnorm"]}]}
    else:
        product = {"ingredients": fact["ingredients"]} | present(fact, form_key="form_key")
    named = present(fact, route="route", directions="sig", daily_dose_mg="daily_dose_mg", days_supply="days_supply")
    return product | named | {"text": fact["product"], "as_needed": fact.get("prn") == "true"}


def present(fact: dict[str, Any], **names: str) -> dict[str, Any]:
    return {name: fact[key] for name, key in names.items() if key in fact}


CONTENT = {
    "prescription": lambda fact: {
        "type": "prescription_written",
        "medicine": medicine(fact),
        **present(fact, status="status", intent="intent"),
    },
    "fill": lambda fact: {
        "type": "medication_filled",
        "medicine": medicine(fact),
        **present(fact, prescription_id="prescription_id"),
    },
    "handed_over": lambda fact: {"type": "medication_handed_over", "fill_event_id": fact["refers_to"]},
    "returned_to_stock": lambda fact: {
        "type": "medication_returned_to_stock",
        "refers_to_event_id": fact["refers_to"],
    },
    "administer": lambda fact: {"type": "medication_administered", "medicine": medicine(fact)},
    "report": lambda fact: {
        "type": "medication_reported",
        "medicine": medicine(fact),
        "kind": fact["kind"],
        "ongoing": fact.get("ongoing") == "true",
    },
}


# Told in many orders


@dataclass(frozen=True)
class Telling:
    """The events of a scenario in one order, some of them twice."""

    scenario: str
    patient: Any
    events: list[dict[str, Any]]


def tellings(scenario: dict[str, Any], dice: random.Random) -> list[Telling]:
    """Each order for a patient and from a source of its own, as events of one source are one event."""
    found = []
    for number in range(ORDERS):
        patient = new_patient()
        events = edge_events(scenario, patient, f"{scenario['id']}-order-{number}")
        shuffled = events + dice.choices(events, k=DUPLICATES)
        dice.shuffle(shuffled)
        found.append(Telling(scenario["id"], patient, events if number == 0 else shuffled))
    return found


async def tell_in_waves(rxguard, tellings):
    """The first event of each telling, then the second of each ..., so that the monitor judges in between."""
    positions = []
    for wave in range(max(len(telling.events) for telling in tellings)):
        events = [telling.events[wave] for telling in tellings if wave < len(telling.events)]
        positions += await rxguard.send(documents(events), partition=0)
        await asyncio.sleep(WAVE_PAUSE_SECONDS)
    receipts = await rxguard.receipts(positions)
    assert not [rejection for receipt in receipts for rejection in receipt.rejections]
    await rxguard.settled()


def load_scenarios() -> dict[str, dict[str, Any]]:
    file = yaml.load(SCENARIOS.read_text(), Loader=yaml.BaseLoader)  # noqa: S506  # text alone, the safest of all
    return {scenario["id"]: scenario for scenario in file["scenarios"]}


@pytest.fixture(scope="module")
def scenarios() -> dict[str, dict[str, Any]]:
    return load_scenarios()


@pytest.fixture(scope="module")
async def found(shared_rxguard, scenarios) -> dict[str, list[list[dict[str, Any]]]]:
    """The findings of each telling, by scenario, without the ids that follow from the name of the source."""
    await shared_rxguard.start_all()
    dice = random.Random(20260414)  # noqa: S311  # orders of a test, the same in each run
    told = [telling for name in COVERED for telling in tellings(scenarios[name], dice)]
    await tell_in_waves(shared_rxguard, told)
    findings = await shared_rxguard.findings(*(telling.patient for telling in told))
    by_scenario: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in COVERED}
    for telling, those in zip(told, findings, strict=True):
        by_scenario[telling.scenario].append([without(one, "finding_id") for one in those])
    return by_scenario


@pytest.mark.parametrize("name", COVERED)
async def test_in_every_order_and_with_duplicates_a_scenario_gives_the_same_findings(rxguard, found, name):
    assert rxguard
    in_given_order, *others = found[name]
    assert len(others) == ORDERS - 1
    for shuffled in others:
        assert shuffled == in_given_order


@pytest.mark.parametrize("name", COVERED)
async def test_a_scenario_raises_through_the_whole_path_what_it_expects(rxguard, scenarios, found, name):
    assert rxguard
    findings, expected = found[name][0], scenarios[name]["expected_alerts"]
    raised = [(one["rule"], one["severity"], one["earliest_start_time"], set(one["reason_codes"])) for one in findings]
    for alert in expected:
        start = None if alert["earliest_safe_start"] == "null" else alert["earliest_safe_start"]
        wanted = (alert["rule"], alert["severity"], start)
        assert any(one[:3] == wanted and set(alert["reason_codes"]) <= one[3] for one in raised), raised
    assert not {rule for rule, *_ in raised} & set(scenarios[name]["must_not_raise"])


# Late and early


async def test_a_prescription_that_arrives_after_the_fill_of_the_antagonist_raises_the_finding_then(rxguard, patient):
    await rxguard.feed([fill(patient, "late-ldn", LDN, "2026-07-01T09:00:00Z")])
    assert loud(await rxguard.findings_of(patient)) == []
    oxycodone = {"text": "oxycodone 5 mg", "codings": [{"system": RXNORM, "code": "1049621"}], "days_supply": "30"}
    order = event("prescription_written", patient, "late-order", "2026-06-01T09:00:00Z", medicine=oxycodone)
    await rxguard.feed([order | {"recorded_time": "2026-07-02T09:00:00Z"}])
    (finding,) = loud(await rxguard.findings_of(patient))
    assert (finding["rule"], finding["severity"], finding["anchor_event_id"]) == ("WR-02", "major", "late-ldn")
    assert finding["earliest_start_time"] == "2026-12-12T09:00:00Z"
    (alert,) = await rxguard.alerts_of(patient)
    assert loud(alert["lines"]) == [finding]


@pytest.mark.parametrize("undoing", ["medication_returned_to_stock", "medication_voided"])
async def test_a_return_or_void_that_arrives_before_its_fill_holds(rxguard, patient, undoing):
    undone = event(undoing, patient, f"{undoing}-1", "2026-03-02T09:00:00Z", refers_to_event_id=f"{undoing}-fill")
    await rxguard.feed([undone])
    await rxguard.feed([fill(patient, f"{undoing}-fill", METHADONE, "2026-03-01T09:00:00Z")])
    ldn = f"{undoing}-ldn"
    await rxguard.feed(
        [fill(patient, ldn, LDN, "2026-04-01T09:00:00Z"), hand_over(patient, ldn, "2026-04-01T09:00:00Z")]
    )
    assert [one["rule"] for one in in_order(await rxguard.findings_of(patient)) if one["rule"].startswith("WR")] == []
    assert await rxguard.alerts_of(patient) == []


async def test_a_return_that_arrives_after_the_alert_withdraws_it(rxguard, patient):
    await rxguard.feed(
        [
            fill(patient, "withdrawn-fill", METHADONE, "2026-03-01T09:00:00Z"),
            fill(patient, "withdrawn-ldn", LDN, "2026-04-01T09:00:00Z"),
        ]
    )
    assert [alert["lines"][0]["rule"] for alert in await rxguard.alerts_of(patient)] == ["WR-02"]
    returned = {"refers_to_event_id": "withdrawn-fill"}
    await rxguard.feed(
        [event("medication_returned_to_stock", patient, "withdrawn-return", "2026-04-02T09:00:00Z", **returned)]
    )
    assert await rxguard.alerts_of(patient) == []
    assert loud(await rxguard.findings_of(patient)) == []
