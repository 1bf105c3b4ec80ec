"""Rules of blockade: BL-01 to BL-03 (3.3 rows 11 to 18).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from dataclasses import dataclass
from datetime import datetime

from tests.reference.evaluator_doses import antagonist_end, facts_of_parts, tier_at
from tests.reference.evaluator_facts import documented_supply, possible_supply
from tests.reference.evaluator_findings import SEVERITIES, at_most, common_codes, finding
from tests.reference.evaluator_patient import chain_codes
from tests.reference.evaluator_starts import antagonist_codes, by_form, latest, start_after, start_codes, start_fields
from tests.reference.evaluator_supply import AntagonistEvent, chain, later, order_end, report_ends
from tests.reference.evaluator_tables import FOREVER, NO_TIME, days, hours
from tests.reference.evaluator_window_lengths import form_codes


@dataclass(eq=False)
class Block:
    """What one antagonist does to an opioid begun at one time."""

    row: int
    rule: str
    severity: str
    ends_at: datetime
    event: AntagonistEvent
    facts: list
    codes: set

    @property
    def rank(self):
        return (SEVERITIES.index(self.severity), self.row, -self.ends_at.timestamp())


BLOCK_CODES = {
    "BL-01": {"BLOCKADE_ACTIVE", "OVERCOMING_BLOCKADE_OVERDOSE", "RESTART_AFTER_WINDOW"},
    "BL-02": {"BLOCKADE_WANING", "REDUCED_TOLERANCE", "RESTART_AFTER_WINDOW"},
    "BL-03": {"REDUCED_TOLERANCE", "RESTART_AFTER_WINDOW"},
}


def blockade(patient):
    findings = []
    for opioid in patient.opioid_events():
        findings += antagonist_first(patient, opioid)
    return findings


def antagonist_first(patient, opioid):
    x = opioid.begin
    before = [e for e in patient.antagonist_events() if e.part.kind in {"S", "D"} and e.comes_before(x)]
    forms = {}
    for event in before:
        forms.setdefault((event.part.ingredient, event.part.form), []).append(event)
    findings = []
    for events in forms.values():
        tier, parts = blocking_dose(patient, events, x)
        if tier.is_ultra_low:
            continue  # WR-05 and WR-06 stand for it
        blocks = [block for block in blocks_of(patient, events, x, tier) if block is not None]
        if blocks:
            for block in blocks:
                if opioid.is_order or block.event.kind == "order":
                    block.severity = at_most(block.severity, "major")  # row 18
            findings.append(blockade_finding(patient, opioid, blocks, parts))
    return findings


def blocking_dose(patient, events, x):
    """The tier that counts at x: of a form what is still supplied, fills and injections before reports and orders."""
    seen = [*newest_fill(events), *newest_given(events)]
    seen += [event for event in events if event.kind not in {"supply", "given"}]

    def weight(event):
        active = x < (antagonist_end(patient, event) if event.part.kind == "S" else depot_until(event))
        place = event.supply.tie_order if event.supply is not None else event.anchor.tie_order
        return (active, event.kind not in {"order", "report"}, place)

    return tier_at(patient, max(seen, key=weight), x)


def newest_fill(events):
    return sorted((e for e in events if e.kind == "supply"), key=lambda e: e.supply.tie_order)[-1:]


def newest_given(events):
    return sorted((e for e in events if e.kind == "given"), key=lambda e: e.anchor.tie_order)[-1:]


def blockade_finding(patient, opioid, blocks, parts):
    """Of all blocks by one form the worst rule, its latest end, and the codes of all."""
    x = opioid.begin
    rule = min(blocks, key=lambda block: block.rank).rule
    severity = min((block.severity for block in blocks), key=SEVERITIES.index)
    block = max((block for block in blocks if block.rule == rule), key=lambda block: block.ends_at)
    exposures = patient.exposures(lambda other: other.begin <= x)
    overall = latest([start_after(patient, exposure, exposures, only_accounted=True) for exposure in exposures])
    own = by_form(exposures)[opioid.part.ingredient, opioid.part.form]
    own = [exposure for exposure in own if opioid.anchor in exposure.facts] or own  # the exposure of the anchor
    own_start = latest([start_after(patient, exposure, exposures, only_accounted=True) for exposure in own])
    codes = BLOCK_CODES[rule].union(*(one.codes for one in blocks)) | form_codes(opioid.part)
    codes |= antagonist_codes(block.event, parts)
    codes |= start_codes(own_start) | own_start.exposure.codes
    codes |= {"ONGOING_NO_END"} if overall.time == FOREVER else set()
    basis = [fact for one in blocks for fact in one.facts] + facts_of_parts(block.event, parts)
    basis += [*own_start.exposure.facts, *own_start.counting.facts]
    basis += [*overall.exposure.facts, *overall.counting.facts]
    codes |= common_codes(patient, x, opioid.facts, basis)
    display = "queue" if block.rule == "BL-03" else "interruptive"
    fields = start_fields(overall)
    ends_at = None if block.ends_at == FOREVER else block.ends_at
    counterpart = block.event.part
    return finding(rule, severity, opioid, counterpart, display, reason_codes=codes, ends_at=ends_at, **fields)


def blocks_of(patient, events, x, tier):
    """Every block of one antagonist form: its chain of fills, the newest dose, and each report and order apart."""
    given = newest_given(events)
    if events[0].part.kind == "D":
        return [depot_block(event, x) for event in (*given, *(e for e in events if e.kind != "given"))]
    blocks = []
    fills = sorted((e for e in events if e.kind == "supply"), key=lambda e: e.supply.tie_order)
    if fills:
        links = chain([event.supply for event in fills], possible_supply)
        run = fills[-len(links[-1].run) :]
        known = chain([event.supply for event in fills], documented_supply)[-1]
        facts = [fact for event in run for fact in event.facts]
        codes = chain_codes(known, links[-1])
        blocks.append(
            tablet_block(fills[-1], x, tier, end=links[-1].end, known_end=known.end, facts=facts, codes=codes)
        )
    for event in (*given, *(e for e in events if e.kind in {"order", "report"})):
        end = antagonist_end(patient, event)
        known = antagonist_end(patient, event, documented_supply)
        codes = {"UNFILLED_PRESCRIPTION"} if event.kind == "order" else set()
        codes |= {"SUPPLY_END_ASSUMED"} if event.kind == "report" and known < end else set()
        blocks.append(tablet_block(event, x, tier, end=end, known_end=known, facts=event.facts, codes=codes))
    return blocks


def tablet_block(event, x, tier, *, end, known_end, facts, codes):
    """Rows 11, 12, 13 and 17 for tablets: inside the supply, inside the tail, and 720 h after it."""
    tail_end = later(end, tier.tail)
    if x < end:
        row = 12 if tier.name == "ldn" else 11
        # section 7, 27: documented_end decides contraindicated, the assumption still gives major
        severity = tier.opioid_after if x < known_end else at_most(tier.opioid_after, "major")
        return Block(row, "BL-01", severity, tail_end, event, facts, codes)
    if x < tail_end:
        return Block(13, "BL-02", "major", tail_end, event, facts, codes)
    if tier.reduced_tolerance and x < later(tail_end, hours(720)):
        return Block(17, "BL-03", "moderate", later(tail_end, hours(720)), event, facts, codes)
    return None


def depot_base(event):
    """From the injection, or from the fill; blockade ends use the end of a local date. (base, unconfirmed).

    Reported use: the last injection may lie as late as the end of what is reported.
    """
    if event.kind == "depot":
        return max(fill.span.end for fill in event.supply.sightings), True
    if event.kind == "report":
        return report_ends(event.anchor, event.part.form, event.stops)[0], False
    return event.span.end, event.kind == "order"


def depot_until(event):
    """How late its injection may lie."""
    base, unconfirmed = depot_base(event)
    return later(base, days(30)) if unconfirmed else base


def depot_block(event, x):
    """Rows 14 to 17: 672 h, to 1,200 h, and 720 h more; without an administration the injection may be 30 d later."""
    base, unconfirmed = depot_base(event)
    codes = {"ADMINISTRATION_UNCONFIRMED"} if event.kind == "depot" else set()
    codes |= {"UNFILLED_PRESCRIPTION"} if event.kind == "order" else set()
    shift = days(30) if unconfirmed else NO_TIME
    first, sure, waning = later(base, hours(672)), later(base, hours(672) + shift), later(base, hours(1200) + shift)
    if event.kind == "order":
        ended = order_end(event.anchor, event.stops)
        if ended is not None and ended + hours(672) < sure:
            # not past its end: an order ended before the possible injection blocks as if injected at its end
            sure, waning = ended + hours(672), ended + hours(1200)
            first = min(first, sure)
    if event.kind == "report" and not event.stops and not event.anchor.true("ongoing"):
        first = later(event.span.end, hours(672))  # certain is only the month after the begin of what is reported
    if x < first and event.kind != "order":  # nothing is certain about an injection that was ordered
        return Block(14, "BL-01", "contraindicated", first, event, event.facts, codes)
    if x < sure:
        return Block(15, "BL-01", "major", sure, event, event.facts, codes)
    if x < waning:
        return Block(16, "BL-02", "major", waning, event, event.facts, codes)
    if x < later(waning, hours(720)):
        return Block(17, "BL-03", "moderate", later(waning, hours(720)), event, event.facts, codes)
    return None
