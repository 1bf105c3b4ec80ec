"""Opioid first, antagonist second: every antagonist event against every opioid that had begun (WR-01 to WR-03)."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.drugs import Acting
from rx_clinical.findings.decisions import Decision, Explanation, Resting
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import arithmetic_line, resting_on_antagonist, resting_on_opioid, resting_on_prolongers
from rx_clinical.findings.wording import (
    SPACING_UNSAFE,
    STANDING_GAPS,
    counterpart_shown,
    evidence_text,
    hold_text,
    interacting_text,
    mme_text,
    opioid_text,
    order_actions,
    product_text,
    shown_to,
    start_text,
    zone_of,
)
from rx_clinical.history.antagonist_exposure import Start, with_patient_at
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import OpioidCourse, Picture, Reach, reach_between, reach_of
from rx_clinical.history.exposure_period import Span
from rx_clinical.history.short_course import is_acute
from rx_clinical.model.facts import Evidence, Fill
from rx_clinical.model.findings import Display, Severity, WindowSatisfied
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER
from rx_clinical.rules.withdrawal import wr_01, wr_02, wr_03
from rx_clinical.rules.withdrawal.ultra_low_dose import decide_ultra_low
from rx_clinical.rules.withdrawal.window_check import Judgement, WithdrawalRule

# The order of the decision table: the first that applies decides.
RULES = (wr_01.RULE, wr_02.RULE, wr_03.RULE)


@dataclass(slots=True, eq=False)
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


@dataclass(slots=True, eq=False)
class Hit:
    """An exposure that fires, with its verdicts and the window behind the earliest start."""

    verdicts: tuple[Verdict, ...]
    reach: Reach


@dataclass(slots=True, eq=False)
class Met:
    """An opioid whose exposures fire against an antagonist start."""

    course: OpioidCourse
    hits: tuple[Hit, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """Every verdict of every exposure."""
        return [verdict for hit in self.hits for verdict in hit.verdicts]

    @property
    def worst(self) -> Verdict:
        """The verdict that is the finding."""
        return min(self.verdicts, key=lambda verdict: verdict.rank)


@dataclass(slots=True, eq=False)
class Passed:
    """An antagonist start past the whole window of an exposure."""

    start: Start
    reach: Reach

    def told(self) -> WindowSatisfied:
        """The window with its arithmetic."""
        fact = self.start.event.entry.fact
        line = arithmetic_line(shown_to(self.start.event, [self.reach])[0], self.start.at)
        return WindowSatisfied(anchor_key=fact.key, anchor_event_id=fact.event_id, line=line)


def withdrawal(picture: Picture) -> tuple[list[Decision], list[Passed]]:
    """Decisions and satisfied windows of all antagonist events."""
    decisions: list[Decision] = []
    satisfied: list[Passed] = []
    for start in picture.starts:
        if start.dose.tier.ultra_low:
            decisions.extend(decide_ultra_low(picture, start))
            continue
        met, passed = _judge(picture, start)
        satisfied.extend(passed)
        if met:
            latest = max((hit.reach for one in met for hit in one.hits), key=lambda reach: reach.start)
            decisions.extend(_decision(picture, start, one, latest) for one in met)
    return decisions, satisfied


def _judge(picture: Picture, start: Start) -> tuple[list[Met], list[Passed]]:
    """The opioids that fire, and the windows that are satisfied."""
    met: list[Met] = []
    passed: list[Passed] = []
    for course in picture.opioids:
        fired = []
        for span in picture.seen_at(course, start.event.time):
            hit = _judge_span(picture, start, course, span)
            if isinstance(hit, Hit):
                fired.append(hit)
            else:
                passed.append(Passed(start, hit))
        if fired:
            met.append(Met(course, tuple(fired)))
    return met, passed


def _judge_span(picture: Picture, start: Start, course: OpioidCourse, span: Span) -> Hit | Reach:
    """The hit, or the satisfied window of an exposure that fires nothing."""
    reach = reach_of(course, span, picture.catalogue)
    verdicts = _judge_ends(picture, start, course, span)
    if span.recorded is not None and not verdicts and _judge_ends(picture, start, course, span.recorded):
        attested = Judgement(start.at, span.possible_end, documented=True, short_acting=True, window=reach.window,
                             attested=True)  # fmt: skip
        return Hit((_verdict(picture, start, wr_03.RULE, attested, reach),), reach)
    if not verdicts:
        return reach
    if reach.start <= start.at:
        # What began after the two weeks counts for the judgement alone: then its window is the one to wait for.
        reach = max((verdict.reach for verdict in verdicts), key=lambda judged: judged.start)
    return Hit(tuple(verdicts), reach)


def _judge_ends(picture: Picture, start: Start, course: OpioidCourse, span: Span) -> list[Verdict]:
    """Each end of the exposure: the documented one, and the possible one where it lies later."""
    verdicts = []
    short = course.opioid.form.acting is Acting.SHORT
    for end, documented in _ends(span):
        reach = reach_between(course, span, end, start.at, picture.catalogue)
        judged = Judgement(start.at, end, documented=documented, short_acting=short, window=reach.window)
        for rule in RULES:
            if rule.applies(judged):
                verdicts.append(_verdict(picture, start, rule, judged, reach))
                break
    return verdicts


def _ends(span: Span) -> list[tuple[datetime, bool]]:
    ends = [] if span.documented_end is None else [(span.documented_end, True)]
    if span.documented_end is None or span.possible_end > span.documented_end:
        ends.append((span.possible_end, False))
    return ends


def _verdict(picture: Picture, start: Start, rule: WithdrawalRule, judged: Judgement, reach: Reach) -> Verdict:
    """The rule's verdict, with what may make it milder: a short course, a negative test."""
    if judged.short_acting and rule is not wr_01.RULE:
        acute = rule is wr_02.RULE and judged.documented
        judged.acute = acute and is_acute(picture, reach, judged.end, start.event.time)
        judged.tested = _test_after(picture, start, reach) is not None
    return Verdict(rule, judged, rule.severity(judged), reach)


def _test_after(picture: Picture, start: Start, reach: Reach) -> Evidence | None:
    """The negative test that counts: after recorded supply alone, never after an order or a report."""
    span = reach.span
    if picture.attestations is None or span.documented_end is None:
        return None
    if not all(isinstance(entry.fact, (Fill, Evidence)) for entry in span.entries):
        return None
    return picture.attestations.negative_after(reach.opioid, span.documented_end, with_patient_at(start))


def _decision(picture: Picture, start: Start, met: Met, latest: Reach) -> Decision:
    worst = met.worst
    attested = any(Reason.LAST_DOSE_ATTESTED in hit.reach.span.reasons for hit in met.hits)
    return Decision(
        rule=worst.rule.rule_id,
        anchor=start.event,
        counterpart=counterpart_shown(start.event, worst.reach),
        counterpart_key=met.course.opioid.key,
        severity=worst.severity,
        display=Display.INTERRUPTIVE,
        start=latest.start,
        ends_at=latest.start,
        requires_confirmation=attested and worst.severity is not Severity.CONTRAINDICATED,
        explain=partial(_explain, picture, start, met, latest),
    )


def _explain(picture: Picture, start: Start, met: Met, latest: Reach) -> Explanation:
    names, event, worst = picture.catalogue.names, start.event, met.worst
    reaches = [hit.reach for hit in met.hits]
    # Both judgements count, with the windows that each rests on.
    counted = [*reaches, *(verdict.reach for verdict in met.verdicts if _past(verdict))]
    if latest not in reaches:
        reaches.append(latest)
    spacing = spacing_reasons([event.entry, *(entry for hit in met.hits for entry in hit.reach.span.entries)], names)
    tests = _tests(picture, start, met)
    reasons = {
        *antagonist_reasons(start.history.antagonist, event.entry, start.dose.parts, names),
        *(reason for hit in met.hits for reason in hit.reach.span.reasons),
        *window_reasons(counted, picture.catalogue.policy),
        *interaction_reasons(counted),
        *spacing,
        *({Reason.ACTIVE_OVERLAP} if worst.rule is wr_01.RULE else ()),
        *({Reason.ACUTE_COURSE} if any(verdict.judged.acute for verdict in met.verdicts) else ()),
        *({Reason.OPIOID_FREE_EVIDENCE} if tests else ()),
        *({Reason.ONGOING_NO_END} if latest.start == FOREVER else ()),
    }
    shown = shown_to(event, reaches)
    antagonist = product_text(start.history.antagonist.name, event.entry.medicine, start.dose.total_mg)
    return Explanation(
        reasons=reasons,
        sentences=[
            worst.rule.headline(antagonist, opioid_text(shown_to(event, [worst.reach])[0]), worst.judged),
            *interacting_text(shown_to(event, counted)),
            *evidence_text(reasons, tests),
            *([SPACING_UNSAFE] if spacing else []),
            start_text(latest.start, shown, zone_of(event.time, event.entry.fact.occurred)),
            *mme_text(shown),
            STANDING_GAPS,
        ],
        actions=[hold_text(event.urgency), *order_actions(reasons)],
        reaches=shown,
        judged_at=start.at,
        resting=[
            *resting_on_antagonist(start.history.antagonist, [event.entry, *start.dose.parts]),
            *(one for reach in shown for one in resting_on_opioid(reach.opioid, reach.span)),
            *resting_on_prolongers({id(p): p for reach in (*counted, latest) for p in reach.prolongers}.values()),
            *(Resting("evidence", "negative test", None, Entry(test)) for test in tests),
        ],
    )


def _tests(picture: Picture, start: Start, met: Met) -> list[Evidence]:
    """The negative tests that made a verdict milder."""
    counted = (_test_after(picture, start, verdict.reach) for verdict in met.verdicts if verdict.judged.tested)
    return list({test.key: test for test in counted if test is not None}.values())


def _past(verdict: Verdict) -> bool:
    """Before the end of a supply only the test of the earliest start counts interacting medicines."""
    return verdict.judged.at >= verdict.judged.end
