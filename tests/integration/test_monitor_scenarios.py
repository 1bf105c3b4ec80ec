"""Scenarios in random orders, with duplicates, through the real monitor: the findings stay the same."""

import importlib.util
import random
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from pharmacy.events.v1.event_pb2 import Event, Medicine, OccurredTime
from rx_clinical.model.facts import event_key
from rx_contracts.wire.times import timestamp

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("monitor_harness", ROOT / "tests" / "faults" / "monitor_harness.py")
harness = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(harness)

SCENARIOS = ROOT / "tests" / "spec" / "scenarios_public.yaml"
# What the public scenarios lack: an antagonist that everything else about the patient speaks against, and an ultra-low
# dose that is confirmed.
MORE = """
- facts:
  - {type: fill, at: 2026-04-14T12:00Z, product: LDN 4.5 mg, ingredients: ['7243'], form_key: ntx_ldn,
     daily_dose_mg: '4.5', days_supply: '30'}
  - {type: fill, at: 2026-04-01T12:00Z, product: levothyroxine, ingredients: ['10582'], route: oral, days_supply: '90'}
  - {type: fill, at: 2026-04-01T12:00Z, product: cyclosporine, ingredients: ['3008'], route: oral, days_supply: '90'}
  - {type: patient_fact, at: 2026-04-01T12:00Z, kind: pregnancy, value: pregnant}
  - {type: patient_fact, at: 2026-04-01T12:00Z, kind: birth_year, value: '2012'}
  - {type: procedure, at: 2026-04-10T12:00Z, procedure_at: 2026-04-20T08:00Z}
  - {type: evidence, at: 2026-04-13T12:00Z, kind: urine_drug_test, result: positive, ingredients: ['6813']}
- facts:
  - {type: fill, at: 2026-04-14T12:00Z, product: naltrexone 0.1 mg, ingredients: ['7243'], form_key: ntx_uldn,
     daily_dose_mg: '0.1', days_supply: '30'}
  - {type: fill, at: 2026-04-10T12:00Z, product: oxycodone 5 mg, ingredients: ['7804'], form_key: oxycodone_ir,
     daily_dose_mg: '40', days_supply: '30'}
  - {type: confirm, at: 2026-04-12T12:00Z, by: prescriber, daily_dose_mg: '0.1',
     opioids: [{form_key: oxycodone_ir, daily_dose_mg: '40'}]}
  - {type: confirm, at: 2026-04-12T13:00Z, by: pharmacist, daily_dose_mg: '0.1',
     opioids: [{form_key: oxycodone_ir, daily_dose_mg: '40'}]}
"""
ORDERS = 5
SEED = 20260501


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def at(text):
    stamp = timestamp(instant(text))
    return OccurredTime(earliest_time=stamp, latest_time=stamp)


def occurred(fact):
    if "T" in fact["at"]:
        return at(fact["at"])
    zone = fact.get("zone", "UTC")
    start = datetime.combine(datetime.fromisoformat(fact["at"]), time(), ZoneInfo(zone))
    return OccurredTime(
        earliest_time=timestamp(start.astimezone(UTC)),
        latest_time=timestamp((start + timedelta(days=1)).astimezone(UTC)),
        zone=zone,
    )


def medicine(fact):
    return Medicine(
        text=fact["product"],
        coded=fact.get("uncoded") != "true",
        ingredients=sorted(fact["ingredients"]),
        form_key=fact.get("form_key", ""),
        product_code=fact.get("rxnorm", ""),
        route=fact.get("route", ""),
        directions=fact.get("sig", ""),
        daily_dose_mg=fact.get("daily_dose_mg", ""),
        days_supply=fact.get("days_supply", ""),
        as_needed=fact.get("prn") == "true",
        quantity=fact.get("quantity", ""),
    )


CONTENTS = {
    "fill": lambda fact: {"medication_filled": {"medicine": medicine(fact)}},
    "administer": lambda fact: {"medication_administered": {"medicine": medicine(fact)}},
    "prescription": lambda fact: {
        "prescription_written": {"medicine": medicine(fact), "status": fact["status"], "intent": fact["intent"]}
    },
    "report": lambda fact: {
        "medication_reported": {
            "medicine": medicine(fact), "kind": fact["kind"], "ongoing": fact.get("ongoing") == "true"
        }
    },
    "evidence": lambda fact: {
        "opioid_free_evidence": {
            "kind": fact["kind"],
            "result": fact.get("result", ""),
            "ingredients": fact["ingredients"],
            "recorded_by": fact.get("recorded_by", ""),
            "attested_last_dose_time": at(fact["attested_last_dose_at"]) if "attested_last_dose_at" in fact else None,
        }
    },
    "confirm": lambda fact: {
        "ultra_low_dose_confirmed": {
            "by": fact["by"], "daily_dose_mg": fact["daily_dose_mg"], "opioids": fact["opioids"]
        }
    },
    "patient_fact": lambda fact: {"patient_fact": {"kind": fact["kind"], "value": fact["value"]}},
    "procedure": lambda fact: {
        "procedure_planned": {"procedure_time": at(fact["procedure_at"]), "opioid_expected": True}
    },
    "handed_over": lambda fact: {"medication_handed_over": referred(fact)},
    "returned_to_stock": lambda fact: {"medication_returned_to_stock": referred(fact)},
}  # fmt: skip


def referred(fact):
    return {"event_key": event_key(harness.SOURCE, fact["refers_to"])}


def events_of(scenario):
    for number, fact in enumerate(scenario["facts"], 1):
        if fact["type"] in CONTENTS:  # billing and requests for compounds are no medication events
            when = occurred(fact)
            name = fact.get("id", f"e{number}")
            recorded = instant(fact["recorded_at"]) if "recorded_at" in fact else None
            yield Event(
                event_key=event_key(harness.SOURCE, name),
                event_id=name,
                source=harness.SOURCE,
                source_revision=int(fact.get("revision", "1")),
                site_id="main",
                occurred=when,
                recorded_time=timestamp(recorded) if recorded else when.latest_time,
                **CONTENTS[fact["type"]](fact),
            )


def of_patient(events, patient):
    copies = [Event.FromString(one.SerializeToString()) for one in events]
    for one in copies:
        one.patient = patient
    return copies


async def test_scenarios_in_random_orders_with_duplicates_give_identical_findings(installation):
    topics = harness.Harness(installation)
    chance = random.Random(SEED)  # noqa: S311  # repeatable on purpose
    scenarios = yaml.load(SCENARIOS.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["scenarios"]  # noqa: S506  # text only
    more = yaml.load(MORE, Loader=yaml.BaseLoader)  # noqa: S506  # text only
    in_order, shuffled = [], []
    for number, scenario in enumerate([*scenarios, *more]):
        facts = list(events_of(scenario))
        for order in range(ORDERS if facts else 0):
            patient = f"{number:02}-{order:02}".encode().ljust(16, b".")
            in_order += of_patient(facts, patient)
            mixed = of_patient([*facts, *chance.choices(facts, k=2)], patient)
            shuffled += chance.sample(mixed, len(mixed))
    async with topics.monitor():
        await topics.feed(shuffled)
        await topics.caught_up()
    said = await topics.conclusions()
    assert said == harness.expected(in_order)
    assert all(f"{len(scenarios) + number:02}-00".encode().ljust(16, b".") in said for number in range(len(more)))
    assert len({patient[:2] for patient in said}) > len(scenarios) // 2
