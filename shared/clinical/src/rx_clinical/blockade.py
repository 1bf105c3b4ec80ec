"""Antagonist first, opioid second: judges every opioid event against every antagonist that was there (BL-01)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.blockers import AntagonistHistory, tail_of
from rx_clinical.chart import Entry
from rx_clinical.compose import Draft, finding, resting_on_antagonist, resting_on_opioid, resting_on_prolongers
from rx_clinical.drugs import BY_DOSE, Tier
from rx_clinical.facts import Administration, Fill, Moment, Prescription
from rx_clinical.findings import Display, Finding
from rx_clinical.picture import OpioidCourse, Picture, Reach, reach_of
from rx_clinical.reasons import Reason
from rx_clinical.rules import bl_01
from rx_clinical.signs import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.spans import Event, Span
from rx_clinical.texts import (
    SPACING_UNSAFE,
    STANDING_GAPS,
    days_text,
    interacting_text,
    opioid_text,
    product_text,
    start_text,
    zone_of,
)
from rx_clinical.windows import later


@dataclass(frozen=True, slots=True)
class Hit:
    """An antagonist course that blocks."""

    block: bl_01.Block
    span: Span
    ends_at: datetime


def blockade(picture: Picture) -> list[Finding]:
    """Findings of all opioid events."""
    findings = []
    for course in picture.opioids:
        for event in course.history.events():
            for history in picture.antagonists:
                hits = _hits(picture, event, history)
                if hits:
                    findings.append(_finding(picture, course, event, history, hits))
    return findings


def _hits(picture: Picture, event: Event, history: AntagonistHistory) -> list[Hit]:
    spans = history.spans_seen_at(event.time)
    if not spans:
        return []
    tier = _tier(picture, event.time, history)
    if history.antagonist.depot:
        blocks_for = picture.catalogue.policy.depot_block
        found = [_depot_hit(event, span, tier, blocks_for) for span in spans]
    else:
        found = [_supply_hit(event, span, tier, tail_of(history.antagonist, tier)) for span in spans]
    return [hit for hit in found if bl_01.applies(hit.block)]


def _supply_hit(event: Event, span: Span, tier: Tier, tail: timedelta) -> Hit:
    return Hit(_block(event, span.documented_end, span.possible_end, tier), span, later(span.possible_end, tail))


def _depot_hit(event: Event, span: Span, tier: Tier, blocks_for: timedelta) -> Hit:
    injected = isinstance(span.entries[-1].fact, Administration)
    from_fill = later(span.begin.latest, blocks_for)
    last = later(span.possible_end, blocks_for)
    ordered = span.documented_end is None
    block = _block(event, None if ordered else (last if injected else from_fill), last, tier)
    first_month = event.time.earliest < from_fill
    return Hit(block, span, from_fill if first_month and not injected else last)


def _block(event: Event, documented_until: datetime | None, possible_until: datetime, tier: Tier) -> bl_01.Block:
    return bl_01.Block(
        at=event.time.earliest,
        documented_until=documented_until,
        possible_until=possible_until,
        worst=tier.opioid_after,
        opioid_only_ordered=isinstance(event.entry.fact, Prescription),
    )


def _tier(picture: Picture, moment: Moment, history: AntagonistHistory) -> Tier:
    """By form, else by the daily sum over the forms active at the time; of each form the newest dose counts alone."""
    if history.antagonist.tier != BY_DOSE:
        return picture.catalogue.tiers[history.antagonist.tier]
    total = Decimal(0)
    for other in picture.antagonists:
        if other.antagonist.tier != BY_DOSE:
            continue
        newest = _newest_active(other, moment)
        if newest is None:
            continue
        if newest.medicine.daily_dose_mg is None:
            return picture.catalogue.tier_of(None)
        total += newest.medicine.daily_dose_mg
    return picture.catalogue.tier_of(total or None)


def _newest_active(history: AntagonistHistory, moment: Moment) -> Entry | None:
    """What sets the dose: the newest supply or injection; without one, the newest order or report."""
    active = [span.entries[-1] for span in history.spans_seen_at(moment) if moment.earliest < span.possible_end]
    return max(active, key=lambda entry: (isinstance(entry.fact, (Fill, Administration)), entry.order), default=None)


def _finding(
    picture: Picture, course: OpioidCourse, event: Event, history: AntagonistHistory, hits: list[Hit]
) -> Finding:
    names = picture.catalogue.names
    own, latest = _restart(picture, course, event)
    reaches = [own] if own.span is latest.span else [own, latest]
    last = max(hits, key=lambda hit: hit.ends_at)
    blocking = last.span.entries[-1]
    worst = min((bl_01.severity(hit.block) for hit in hits), key=lambda severity: severity.rank)
    spacing = spacing_reasons([event.entry, *(entry for hit in hits for entry in hit.span.entries)], names)
    reasons = {
        Reason.BLOCKADE_ACTIVE,
        Reason.OVERCOMING_BLOCKADE_OVERDOSE,
        Reason.RESTART_AFTER_WINDOW,
        *antagonist_reasons(history.antagonist, blocking, names),
        *(reason for hit in hits for reason in hit.span.reasons),
        *own.span.reasons,
        *window_reasons([own], picture.catalogue.policy),
        *interaction_reasons(reaches),
        *spacing,
    }
    draft = Draft(
        rule=bl_01.RULE,
        anchor=event,
        counterpart=history.antagonist.counterpart,
        counterpart_key=history.antagonist.key,
        severity=worst,
        display=Display.INTERRUPTIVE,
        reasons=frozenset(reasons),
        active_from=event.time.earliest,
        start=latest.start,
        ends_at=last.ends_at,
        sentences=[
            f"{opioid_text(own)} will not work while {product_text(history.antagonist.name, blocking.medicine)} acts.",
            "Do not exceed the ordered dose: trying to overcome the blockade risks a fatal overdose.",
            _stopping(history, picture.catalogue.policy.depot_block),
            *interacting_text(reaches),
            *([SPACING_UNSAFE] if spacing else []),
            "The next antagonist dose meets this opioid. Restart:",
            start_text(latest.start, reaches, zone_of(event.time, event.entry.fact.occurred)),
            STANDING_GAPS,
        ],
        actions=[],
        reaches=reaches,
        judged_at=event.time.earliest,
        resting=[
            *resting_on_antagonist(history.antagonist, (entry for hit in hits for entry in hit.span.entries)),
            *(one for reach in reaches for one in resting_on_opioid(reach.opioid, reach.span)),
            *resting_on_prolongers(prolonger for reach in reaches for prolonger in reach.prolongers),
        ],
    )
    return finding(draft, picture.catalogue)


def _restart(picture: Picture, course: OpioidCourse, event: Event) -> tuple[Reach, Reach]:
    """The anchor's own exposure, and the one that allows the antagonist last; of a chain only what had begun."""
    begun = Moment(earliest=event.time.earliest, latest=event.time.earliest)
    reaches = [reach_of(other, span, picture.catalogue) for other in picture.opioids for span in other.seen_at(begun)]
    latest = max(reaches, key=lambda reach: reach.start)
    same = [reach for reach in reaches if reach.opioid == course.opioid]
    return max(same, key=lambda reach: (event.entry in reach.span.entries, reach.start)), latest


def _stopping(history: AntagonistHistory, depot_block: timedelta) -> str:
    if history.antagonist.depot:
        return f"The depot blocks for {days_text(depot_block)} days and cannot be withdrawn."
    return f"Oral {history.antagonist.name} can be stopped at once, no taper needed."
