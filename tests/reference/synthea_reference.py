"""What must be found in a Synthea Bundle after LDN 4.5 mg is handed to the patient: a slow, obvious evaluator.

It knows the clinical reference text (by section number in the comments) and its CSV tables, not the code under test.
In: one FHIR R4 Bundle (dict). Out: plain dicts that compare with `==`, times as RFC 3339 UTC with Z.
It covers what such a Bundle can raise: orders without fills (POSSIBLE exposures) and one LDN fill, handed over at once.
"""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

TABLES = Path(__file__).parents[2] / "shared/clinical/src/rx_clinical/tables"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
OPIOID_ACTING = {"short", "long", "depot"}  # 3.3: "acting class short, long or depot"
LOCAL_ROUTES = {"topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"}  # 2.2: never count
NOT_AN_ORDER = {"proposal", "plan", "option"}  # 3.2 point 5
NO_EXPOSURE = {"draft", "on-hold", "cancelled", "entered-in-error"}  # 3.2 point 5
ENDED = {"completed", "stopped", "ended"}
POSSIBLE = timedelta(days=180)  # 3.2 point 5
AFTER_STATUS_END = timedelta(days=30)  # 3.2 point 5
MISSING_SUPPLY = timedelta(days=30)  # 2.2: "missing days supply 30 d"
HORIZON = timedelta(days=400)  # 3.1
LONGEST_MULTIPLIER = Decimal(4)  # 2.1 point 4 and 3.1
HALF_LIVES = 5  # 3.2: k
FLOOR_H = Decimal(336)  # 3.2: Wp
NEW_INTERACTION = timedelta(days=14)  # 2.2
MAY_INTERRUPT = {"6813", "4337"}  # 2.2: "methadone or fentanyl"


class LdnHandOver(NamedTuple):
    """The LDN given to a patient: one fill and its hand-over, both occurred and recorded at `time`."""

    time: datetime
    patient_id: str
    fill_event_id: str
    handover_event_id: str
    text: str = "compounded naltrexone 4.5 mg capsule (LDN)"
    form_key: str = "ntx_ldn"
    ingredient: str = "7243"
    daily_dose_mg: Decimal = Decimal("4.5")
    days_supply: int = 30
    route: str = "oral"
    directions: str = "Take one capsule at bedtime."


class Order(NamedTuple):
    """One MedicationRequest, with what the product table says of its code."""

    event_id: str
    written: datetime
    recorded: datetime
    ingredients: tuple[str, ...]
    form_key: str
    route: str
    counts: bool  # False: drafted, cancelled, proposed ...: no exposure at all
    end: datetime  # of the POSSIBLE exposure, as an opioid
    supply_end: datetime  # as an interacting medicine


class Interaction(NamedTuple):
    """An order of an interacting medicine, seen by one opioid."""

    order: Order
    code: str
    row: dict[str, str]
    begin: datetime
    end: datetime


def rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


DRUGS = {row["form_key"]: row for row in rows("drugs.csv")}
PRODUCTS = {row["code"]: row for row in rows("rxnorm_products.csv")}
PERPETRATORS = rows("perpetrators.csv")
TABLED = {row["rxnorm_ingredient_code"] for row in DRUGS.values()} | {row["perpetrator_rxnorm"] for row in PERPETRATORS}
LDN_TAIL = timedelta(hours=next(int(row["order_b_tail_h"]) for row in rows("dose_tiers.csv") if row["tier"] == "ldn"))


# --- reading the Bundle


def orders_of(bundle: dict[str, Any]) -> list[Order]:
    resources = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    requests = [r for r in resources.values() if r["resourceType"] == "MedicationRequest"]
    return [read_order(request, resources) for request in requests]


def read_order(request: dict[str, Any], resources: dict[str, Any]) -> Order:
    if "medicationReference" in request:
        concept = resources[request["medicationReference"]["reference"]]["code"]
    else:
        concept = request["medicationCodeableConcept"]
    product = PRODUCTS[next(coding["code"] for coding in concept["coding"] if coding["system"] == RXNORM)]
    written = instant(request["authoredOn"])
    supply = days_supply(request)
    return Order(
        event_id=f"MedicationRequest/{request['id']}",
        written=written,
        recorded=instant(request["meta"]["lastUpdated"]) if "lastUpdated" in request["meta"] else written,  # 3.1
        ingredients=tuple(pair.split(":", 1)[0] for pair in product["ingredients"].split(";")),
        form_key=product["form_key"],
        route=product["route"],
        counts=counts(request),
        end=possible_end(request, written, supply),
        supply_end=written + (MISSING_SUPPLY if supply is None else supply),
    )


def days_supply(request: dict[str, Any]) -> timedelta | None:
    duration = request.get("dispenseRequest", {}).get("expectedSupplyDuration")  # always in days here, or absent
    return None if duration is None else timedelta(days=float(duration["value"]))


def counts(request: dict[str, Any]) -> bool:
    """Tell whether 3.2 point 5 lets the order stand as an exposure."""
    refused = request["status"] in NO_EXPOSURE or request["intent"] in NOT_AN_ORDER
    return not refused and not request.get("doNotPerform", False)


def possible_end(request: dict[str, Any], written: datetime, supply: timedelta | None) -> datetime:
    """3.2 point 5. A Synthea order is active, or stopped without a recorded end: both end 180 d after written."""
    status_at = request.get("dispenseRequest", {}).get("validityPeriod", {}).get("end")  # 3.1, FHIR fields
    if request["status"] in ENDED and status_at is not None:
        return max(instant(status_at) + AFTER_STATUS_END, written + (supply or timedelta(0)))
    return written + POSSIBLE


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def is_opioid(order: Order) -> bool:
    return order.form_key != "" and DRUGS[order.form_key]["acting"] in OPIOID_ACTING and order.counts


def is_relevant(order: Order) -> bool:
    """Tell whether an ingredient of the order stands in the drug or the perpetrator table."""
    return order.form_key != "" or not TABLED.isdisjoint(order.ingredients)


def ldn_events(bundle: dict[str, Any]) -> LdnHandOver:
    """LDN 24 h after the latest opioid order; without any opioid order, 24 h after the latest order of any kind."""
    orders = orders_of(bundle)
    last = max(order.written for order in [o for o in orders if is_opioid(o)] or orders)
    patient = next(e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    return LdnHandOver(last + timedelta(hours=24), patient, f"ldn-fill-{patient}", f"ldn-handover-{patient}")


# --- the findings


def expected_findings(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every finding that such a Bundle can raise, sorted."""
    ldn, orders = ldn_events(bundle), orders_of(bundle)
    # 3.1: "newest recorded_time of the patient", over what the tables know: an irrelevant medicine is no fact of the
    # function (3.9, DQ-03), so a statin ordered years later must not make an opioid of that time disappear.
    horizon = max([ldn.time, *(order.recorded for order in orders if is_relevant(order))]) - HORIZON
    # An order without fills is a chain of its own: it is kept or dropped alone (3.1, "whole chains only").
    opioids = [order for order in orders if is_opioid(order) and opioid_effect_end(order) >= horizon]
    others = [order for order in orders if not order.form_key and order.counts]
    others = [order for order in others if interaction_effect_end(order) >= horizon]
    # 3.1: antagonist effect = end of its supply, its tail, and 30 d (for LDN too: the text makes no exception).
    ldn_end = ldn.time + timedelta(days=ldn.days_supply) + LDN_TAIL + timedelta(days=30)
    findings = [*withdrawal(ldn, opioids, others), review(ldn)] if ldn_end >= horizon else []
    # BL-01 needs an opioid begun after the LDN: there is none, the LDN follows the latest opioid order by 24 h.
    # DQ-01 excepts orders; DQ-02 sees a dose and a route; DQ-03 sees coded products only: nothing to raise.
    findings += toxicity(opioids, others)
    return sorted(findings, key=lambda one: (one["rule"], one["anchor_event_id"], one["counterpart"] or ""))


def review(ldn: LdnHandOver) -> dict[str, Any]:
    """Section 4, response: a course of low-dose naltrexone starts, and is reviewed after 28 days (LD-10)."""
    return {
        "rule": "LD-10",
        "severity": "info",
        "display": "profile",
        "reason_codes": [],
        "anchor_event_id": ldn.fill_event_id,
        "counterpart": None,
        "earliest_start_time": None,
        "ends_at": None,
        "urgency": "WITH_PATIENT",
    }


def withdrawal(ldn: LdnHandOver, opioids: list[Order], others: list[Order]) -> list[dict[str, Any]]:
    """3.3 rows 5-10, where every opioid is a POSSIBLE order: only row 8 (at most major) and row 10 can match."""
    seen = [order for order in opioids if order.written <= ldn.time]  # 3.2: a judgement sees what began at or before
    # One exposure per form (3.2): of several POSSIBLE orders of a form, the one that ends last is its end.
    ends = {form: max(o.end for o in seen if o.form_key == form) for form in {o.form_key for o in seen}}
    starts = [end + earliest_window(form, end, others) for form, end in ends.items()]
    findings = []
    for form, end in ends.items():
        counting = judging(form, end, ldn.time, others)
        elapsed_h = hours(ldn.time - end)
        if elapsed_h < hard_window_h(form, counting):
            rule = "WR-02"
        elif DRUGS[form]["acting"] == "short" and elapsed_h < FLOOR_H:
            rule = "WR-03"
        else:
            continue  # row 10: window satisfied
        basis = counting + until_stable(form, end, others)
        findings.append(
            {
                "rule": rule,
                "severity": "major",
                "display": "interruptive",
                "reason_codes": sorted(reasons(form, basis, ldn.time)),
                "anchor_event_id": ldn.fill_event_id,  # 3.1: a hand-over is a step of its fill, never an anchor
                "counterpart": form,
                "earliest_start_time": stamp(max(starts)),  # 3.2: every WR finding of one antagonist carries the same
                "ends_at": stamp(max(starts)),
                "urgency": "WITH_PATIENT",  # 3.1: handed over
            }
        )
    return findings


def reasons(form: str, basis: list["Interaction"], recorded: datetime) -> set[str]:
    """reason_codes.csv, groups window, evidence, supply and data; one sentence of it a line.

    ACTIVE_OVERLAP is not here: it says "opioid supply is active", and an order without a fill is no recorded supply.
    SUPPLY_END_ASSUMED is not here: 3.2 says "or the reason above", which is UNFILLED_PRESCRIPTION, for PRN orders too.
    """
    drug = DRUGS[form]
    half_life_h, label_h = Decimal(drug["t_half_high_h"]), Decimal(drug["label_interval_before_naltrexone_h"])
    plain_h, hard_h = hard_window_h(form, []), hard_window_h(form, basis)
    says = {
        "UNFILLED_PRESCRIPTION": True,
        "HISTORY_SHORT": True,  # no source declares from when on its history is complete
        "LONG_HALF_LIFE": half_life_h >= 24,
        "LONG_ACTING_FORM": drug["acting"] == "long",
        "DEPOT": drug["acting"] == "depot",
        "PARTIAL_AGONIST": drug["opioid_class"] == "partial_agonist",
        "MIXED_AGONIST": drug["opioid_class"] == "mixed_agonist_antagonist",
        "FIVE_HALF_LIVES": hard_h > label_h,
        # "applies": the label interval is the hard window, whichever of WR-02 and WR-03 it leads to.
        "LABEL_7_10_DAYS": label_h == 240 and hard_h == label_h,
        "LABEL_2_WEEKS": label_h == 336 and hard_h == label_h,
        # "sets the earliest start" of this exposure; the common one of all findings may be set by another exposure.
        "TWO_WEEK_WASHOUT": hard_h < FLOOR_H,
        "HALF_LIFE_EXTENDED": hard_h > plain_h,
        "MULTIPLE_PERPETRATORS": len({interaction.code for interaction in basis}) > 1,
        "EVIDENCE_SINGLE_REPORT": any(i.row["evidence_level"] == "SEED_CLAIM_ONLY" for i in basis),
        # The opioid orders are older than the hand-over; only a later interacting medicine can be late.
        "RE_EVALUATED_LATE_EVENT": any(interaction.order.recorded > recorded for interaction in basis),
    }
    return {code for code, true in says.items() if true}


def toxicity(opioids: list[Order], others: list[Order]) -> list[dict[str, Any]]:
    """PK-01: one finding per later event and other side, where both orders are active together."""
    found = {}
    for opioid in opioids:
        for interaction in interactions(opioid.form_key, others):
            if not (interaction.begin <= opioid.end and opioid.written <= interaction.end):
                continue
            # The anchor is the later-starting side; at equal times the opioid counts as first (3.2).
            opioid_is_later = opioid.written > interaction.begin
            anchor = opioid if opioid_is_later else interaction.order
            counterpart = interaction.code if opioid_is_later else opioid.form_key
            severity = "moderate" if interrupts(opioid, interaction, others) else "info"
            found[anchor.event_id, counterpart] = {
                "rule": "PK-01",
                "severity": severity,
                "display": "interruptive" if severity == "moderate" else "profile",
                "reason_codes": sorted(toxicity_reasons(anchor, opioid, interaction)),
                "anchor_event_id": anchor.event_id,
                "counterpart": counterpart,
                "earliest_start_time": None,
                "ends_at": None,
                "urgency": "CAN_STOP",  # 3.1: written
            }
    return list(found.values())


def interrupts(opioid: Order, interaction: "Interaction", others: list[Order]) -> bool:
    """2.2: strong, prescribed, methadone or fentanyl, and begun at most 14 days after the first interacting order."""
    row = interaction.row
    first = min(order.written for order in others if interaction.code in order.ingredients)
    begins = max(opioid.written, interaction.begin)
    strong = row["strength"] == "strong" and row["otc_or_food"] == "rx" and row["victim_rxnorm"] in MAY_INTERRUPT
    return strong and begins - first <= NEW_INTERACTION


def toxicity_reasons(anchor: Order, opioid: Order, interaction: "Interaction") -> set[str]:
    says = {
        "UNFILLED_PRESCRIPTION": True,
        "EVIDENCE_SINGLE_REPORT": interaction.row["evidence_level"] == "SEED_CLAIM_ONLY",
        "RE_EVALUATED_LATE_EVENT": max(opioid.recorded, interaction.order.recorded) > anchor.recorded,
    }
    return {code for code, true in says.items() if true}


# --- windows and interacting medicines


def interactions(form: str, others: list[Order]) -> list[Interaction]:
    """2.2: the active interval of each order of a medicine that prolongs this opioid, by a systemic route."""
    found = []
    for order in others:
        for code in order.ingredients:
            row = prolonging_row(code, DRUGS[form]["rxnorm_ingredient_code"])
            if row is not None and order.route not in LOCAL_ROUTES:
                carry = timedelta(hours=float(row["carry_over_h_after_last_dose"]))
                found.append(Interaction(order, code, row, order.written, order.supply_end + carry))
    return found


def prolonging_row(code: str, opioid: str) -> dict[str, str] | None:
    """Return the pair's own row, else the class fallback (2.1 point 6); None if nothing prolongs."""
    pairs = [row for row in PERPETRATORS if row["perpetrator_rxnorm"] == code and row["victim_rxnorm"] == opioid]
    if not pairs and code in strong_cyp3a4():
        pairs = [
            r for r in PERPETRATORS if r["perpetrator_rxnorm"] == "*strong_cyp3a4*" and r["victim_rxnorm"] == opioid
        ]
    prolonging = [r for r in pairs if r["direction"] == "prolong" and Decimal(r["t_half_multiplier_used"]) > 1]
    return prolonging[0] if prolonging else None


def strong_cyp3a4() -> set[str]:
    wanted = ("CYP", "prolong", "strong")
    return {
        r["perpetrator_rxnorm"] for r in PERPETRATORS if (r["mechanism_group"], r["direction"], r["strength"]) == wanted
    }


def multiplier(counting: list[Interaction]) -> Decimal:
    """2.1 point 4: the largest within a mechanism group, the product across groups, at most 4."""
    largest: dict[str, Decimal] = {}
    for interaction in counting:
        group, value = interaction.row["mechanism_group"], Decimal(interaction.row["t_half_multiplier_used"])
        largest[group] = max(largest.get(group, value), value)
    product = Decimal(1)
    for value in largest.values():
        product *= value
    return min(product, LONGEST_MULTIPLIER)


def hard_window_h(form: str, counting: list[Interaction]) -> Decimal:
    drug = DRUGS[form]
    five = HALF_LIVES * Decimal(drug["t_half_high_h"]) * multiplier(counting)
    return max(Decimal(drug["label_interval_before_naltrexone_h"]), five)


def policy_window(form: str, counting: list[Interaction]) -> timedelta:
    """Wp, rounded up to a whole minute (3.2, Time)."""
    return timedelta(minutes=ceil(max(FLOOR_H, hard_window_h(form, counting)) * 60))


def meeting(form: str, others: list[Order], begin: datetime, end: datetime) -> list[Interaction]:
    return [i for i in interactions(form, others) if i.begin <= end and i.end >= begin]


def until_stable(form: str, end: datetime, others: list[Order]) -> list[Interaction]:
    """2.2: what counts for the earliest start: begin with multiplier 1, recompute until stable."""
    counting: list[Interaction] = []
    while (found := meeting(form, others, end, end + policy_window(form, counting))) != counting:
        counting = found
    return counting


def earliest_window(form: str, end: datetime, others: list[Order]) -> timedelta:
    return policy_window(form, until_stable(form, end, others))


def judging(form: str, end: datetime, antagonist: datetime, others: list[Order]) -> list[Interaction]:
    """2.2: what meets [end, antagonist time]; where the antagonist comes before the end, the earliest start's test."""
    return until_stable(form, end, others) if antagonist < end else meeting(form, others, end, antagonist)


def opioid_effect_end(order: Order) -> datetime:
    """3.1: supply end + longest possible window at multiplier 4."""
    five = HALF_LIVES * Decimal(DRUGS[order.form_key]["t_half_high_h"]) * LONGEST_MULTIPLIER
    longest_h = max(FLOOR_H, Decimal(DRUGS[order.form_key]["label_interval_before_naltrexone_h"]), five)
    return order.end + timedelta(hours=float(longest_h))


def interaction_effect_end(order: Order) -> datetime:
    carries = [row for row in PERPETRATORS if row["perpetrator_rxnorm"] in order.ingredients]
    return order.supply_end + timedelta(
        hours=max((float(r["carry_over_h_after_last_dose"]) for r in carries), default=0)
    )


def hours(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(seconds=1)) / 3600


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
