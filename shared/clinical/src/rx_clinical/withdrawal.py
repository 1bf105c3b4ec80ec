"""Opioid first, antagonist second: every antagonist event against every opioid that had begun (WR-01 to WR-03)."""

from collections.abc import Iterator
from dataclasses import dataclass

from rx_clinical.blockers import AntagonistHistory
from rx_clinical.compose import (
    Draft,
    arithmetic_line,
    finding,
    resting_on_antagonist,
    resting_on_opioid,
    resting_on_prolongers,
)
from rx_clinical.drugs import Acting
from rx_clinical.findings import Display, Finding, Severity, WindowSatisfied
from rx_clinical.judgement import Judgement, WithdrawalRule
from rx_clinical.picture import OpioidCourse, Picture, Reach, reach_between, reach_of
from rx_clinical.reasons import Reason
from rx_clinical.rules import wr_01, wr_02, wr_03
from rx_clinical.signs import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.spans import Event, Span
from rx_clinical.texts import (
    SPACING_UNSAFE,
    STANDING_GAPS,
    hold_text,
    interacting_text,
    opioid_text,
    product_text,
    start_text,
    zone_of,
)

# The order of the decision table: the first that applies decides.
RULES = (wr_01.RULE, wr_02.RULE, wr_03.RULE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule that one end of one exposure fires."""

    rule: WithdrawalRule
    judged: Judgement
    severity: Severity
    reach: Reach  # by what counted for the judgement

    @property
    def rank(self) -> tuple[int, bool, str]:
        """Worst first; at equal severity the documented judgement, then the earlier rule."""
        return (self.severity.rank, not self.judged.documented, self.rule.rule_id)


@dataclass(frozen=True, slots=True)
class Hit:
    """An exposure that fires, with its verdicts and the window behind the earliest start."""

    verdicts: tuple[Verdict, ...]
    reach: Reach


def withdrawal(picture: Picture) -> tuple[list[Finding], list[WindowSatisfied]]:
    """Findings and satisfied windows of all antagonist events."""
    findings: list[Finding] = []
    satisfied: list[WindowSatisfied] = []
    for antagonist in picture.antagonists:
        for event in antagonist.events():
            _judge_event(picture, antagonist, event, findings, satisfied)
    return findings, satisfied


def _judge_event(
    picture: Picture,
    antagonist: AntagonistHistory,
    event: Event,
    findings: list[Finding],
    satisfied: list[WindowSatisfied],
) -> None:
    hits: list[tuple[OpioidCourse, list[Hit]]] = []
    for course in picture.opioids:
        fired = []
        for span in course.seen_at(event.time):
            hit = _judge_span(picture, course, span, event)
            if isinstance(hit, Hit):
                fired.append(hit)
            else:
                fact = event.entry.fact
                line = arithmetic_line(hit, event.time.earliest)
                satisfied.append(WindowSatisfied(anchor_key=fact.key, anchor_event_id=fact.event_id, line=line))
        if fired:
            hits.append((course, fired))
    if hits:
        latest = max((hit.reach for _, fired in hits for hit in fired), key=lambda reach: reach.start)
        findings.extend(_finding(picture, antagonist, event, met, latest) for met in hits)


def _judge_span(picture: Picture, course: OpioidCourse, span: Span, event: Event) -> Hit | Reach:
    """The hit, or the satisfied window of an exposure that fires nothing."""
    verdicts = tuple(sorted(_verdicts(picture, course, span, event), key=lambda verdict: verdict.rank))
    reach = reach_of(course, span, picture.catalogue)
    if not verdicts:
        return reach
    if reach.start <= event.time.earliest:
        # What began after the two weeks counts for the judgement alone: then its window is the one to wait for.
        reach = max((verdict.reach for verdict in verdicts), key=lambda judged: judged.start)
    return Hit(verdicts, reach)


def _verdicts(picture: Picture, course: OpioidCourse, span: Span, event: Event) -> Iterator[Verdict]:
    at = event.time.earliest
    ends = [(span.documented_end, True)]
    if span.documented_end is None or span.possible_end > span.documented_end:
        ends.append((span.possible_end, False))
    for end, documented in ends:
        if end is None:
            continue
        reach = reach_between(course, span, end, at, picture.catalogue)
        judged = Judgement(
            at=at,
            end=end,
            documented=documented,
            short_acting=course.opioid.form.acting is Acting.SHORT,
            window=reach.window,
        )
        rule = next((rule for rule in RULES if rule.applies(judged)), None)
        if rule is not None:
            yield Verdict(rule, judged, rule.severity(judged), reach)


def _finding(
    picture: Picture, history: AntagonistHistory, event: Event, met: tuple[OpioidCourse, list[Hit]], latest: Reach
) -> Finding:
    course, hits = met
    names = picture.catalogue.names
    worst = min((verdict for hit in hits for verdict in hit.verdicts), key=lambda verdict: verdict.rank)
    reaches = [hit.reach for hit in hits]
    # Both judgements count, with the windows that each rests on.
    counted = [*reaches, *(verdict.reach for hit in hits for verdict in hit.verdicts if _past(verdict))]
    if latest not in reaches:
        reaches.append(latest)
    entries = [event.entry, *(entry for hit in hits for entry in hit.reach.span.entries)]
    spacing = spacing_reasons(entries, names)
    reasons = {
        *antagonist_reasons(history.antagonist, event.entry, names),
        *(reason for hit in hits for reason in hit.reach.span.reasons),
        *window_reasons(counted, picture.catalogue.policy),
        *interaction_reasons(counted),
        *spacing,
        *({Reason.ACTIVE_OVERLAP} if worst.rule is wr_01.RULE else ()),
    }
    antagonist = product_text(history.antagonist.name, event.entry.medicine)
    draft = Draft(
        rule=worst.rule.rule_id,
        anchor=event,
        counterpart=course.opioid.form.form_key,
        counterpart_key=course.opioid.key,
        severity=worst.severity,
        display=Display.INTERRUPTIVE,
        reasons=frozenset(reasons),
        active_from=event.time.earliest,
        start=latest.start,
        ends_at=latest.start,
        sentences=[
            worst.rule.headline(antagonist, opioid_text(worst.reach), worst.judged),
            *interacting_text(counted),
            *([SPACING_UNSAFE] if spacing else []),
            start_text(latest.start, reaches, zone_of(event.time, event.entry.fact.occurred)),
            STANDING_GAPS,
        ],
        actions=[hold_text(event.urgency)],
        reaches=reaches,
        judged_at=event.time.earliest,
        resting=[
            *resting_on_antagonist(history.antagonist, [event.entry]),
            *(one for reach in reaches for one in resting_on_opioid(reach.opioid, reach.span)),
            *resting_on_prolongers({id(p): p for reach in (*counted, latest) for p in reach.prolongers}.values()),
        ],
    )
    return finding(draft, picture.catalogue)


def _past(verdict: Verdict) -> bool:
    """Before the end of a supply only the test of the earliest start counts interacting medicines."""
    return verdict.judged.at >= verdict.judged.end
