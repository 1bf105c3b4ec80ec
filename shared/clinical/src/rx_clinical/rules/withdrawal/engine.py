"""Opioid first, antagonist second: every antagonist event against every opioid that had begun (WR-01 to WR-03)."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.drugs import Acting
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.reason_codes import antagonist_reasons, interaction_reasons, spacing_reasons, window_reasons
from rx_clinical.findings.render import antagonist_basis, arithmetic_line, opioid_basis, precipitant_basis
from rx_clinical.findings.wording import (
    SPACING_UNSAFE,
    STANDING_GAPS,
    counterpart_shown,
    evidence_text,
    hold_text,
    mme_text,
    opioid_text,
    order_actions,
    precipitant_text,
    product_text,
    shown_to,
    start_text,
    zone_of,
)
from rx_clinical.history.antagonist_exposure import AntagonistStart, with_patient_at
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.short_course import is_short_course
from rx_clinical.history.washout_window import WashoutWindow, window_after, window_between
from rx_clinical.model.facts import Evidence, Fill
from rx_clinical.model.findings import Display, Severity, WindowSatisfied
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER
from rx_clinical.rules.withdrawal import wr_01, wr_02, wr_03
from rx_clinical.rules.withdrawal.ultra_low_dose import decide_ultra_low
from rx_clinical.rules.withdrawal.window_check import WindowCheck, WithdrawalRule

# The order of the decision table: the first that applies decides.
RULES = (wr_01.RULE, wr_02.RULE, wr_03.RULE)


@dataclass(slots=True, eq=False)
class Verdict:
    """The rule that one end of one exposure fires."""

    rule: WithdrawalRule
    check: WindowCheck
    severity: Severity
    window: WashoutWindow  # by what counted for the judgement

    @property
    def rank(self) -> tuple[int, bool, str]:
        """Worst first; at equal severity the documented judgement, then the earlier rule."""
        return (self.severity.rank, not self.check.documented, self.rule.rule_id)


@dataclass(slots=True, eq=False)
class ExposureHit:
    """An exposure that fires, with its verdicts and the window behind the earliest start."""

    verdicts: tuple[Verdict, ...]
    window: WashoutWindow


@dataclass(slots=True, eq=False)
class OpioidConflict:
    """An opioid whose exposures fire against an antagonist start."""

    exposure: OpioidExposure
    hits: tuple[ExposureHit, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """Every verdict of every exposure."""
        return [verdict for hit in self.hits for verdict in hit.verdicts]

    @property
    def worst(self) -> Verdict:
        """The verdict that is the finding."""
        return min(self.verdicts, key=lambda verdict: verdict.rank)


@dataclass(slots=True, eq=False)
class ClearedWindow:
    """An antagonist start past the whole window of an exposure."""

    start: AntagonistStart
    window: WashoutWindow

    def to_message(self) -> WindowSatisfied:
        """The window with its arithmetic."""
        fact = self.start.event.entry.fact
        line = arithmetic_line(shown_to(self.start.event, [self.window])[0], self.start.at)
        return WindowSatisfied(anchor_key=fact.key, anchor_event_id=fact.event_id, line=line)


def withdrawal(context: RuleContext) -> tuple[list[Decision], list[ClearedWindow]]:
    """Decisions and satisfied windows of all antagonist events."""
    decisions: list[Decision] = []
    satisfied: list[ClearedWindow] = []
    for start in context.starts:
        if start.dose.tier.ultra_low:
            decisions.extend(decide_ultra_low(context, start))
            continue
        met, passed = _judge(context, start)
        satisfied.extend(passed)
        if met:
            latest = max((hit.window for one in met for hit in one.hits), key=lambda window: window.start)
            decisions.extend(_decision(context, start, one, latest) for one in met)
    return decisions, satisfied


def _judge(context: RuleContext, start: AntagonistStart) -> tuple[list[OpioidConflict], list[ClearedWindow]]:
    """The opioids that fire, and the windows that are satisfied."""
    met: list[OpioidConflict] = []
    passed: list[ClearedWindow] = []
    for exposure in context.opioids:
        fired = []
        for period in context.seen_at(exposure, start.event.time):
            hit = _judge_span(context, start, exposure, period)
            if isinstance(hit, ExposureHit):
                fired.append(hit)
            else:
                passed.append(ClearedWindow(start, hit))
        if fired:
            met.append(OpioidConflict(exposure, tuple(fired)))
    return met, passed


def _judge_span(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, period: ExposurePeriod
) -> ExposureHit | WashoutWindow:
    """The hit, or the satisfied window of an exposure that fires nothing."""
    window = window_after(exposure, period, context.catalogue)
    verdicts = _judge_ends(context, start, exposure, period)
    if period.recorded is not None and not verdicts and _judge_ends(context, start, exposure, period.recorded):
        attested = WindowCheck(
            start.at, period.possible_end, documented=True, short_acting=True, lengths=window.lengths, attested=True
        )
        return ExposureHit((_verdict(context, start, wr_03.RULE, attested, window),), window)
    if not verdicts:
        return window
    if window.start <= start.at:
        # What began after the two weeks counts for the judgement alone: then its window is the one to wait for.
        window = max((verdict.window for verdict in verdicts), key=lambda check: check.start)
    return ExposureHit(tuple(verdicts), window)


def _judge_ends(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, period: ExposurePeriod
) -> list[Verdict]:
    """Each end of the exposure: the documented one, and the possible one where it lies later."""
    verdicts = []
    short = exposure.opioid.form.acting is Acting.SHORT
    for end, documented in _ends(period):
        window = window_between(exposure, period, end, start.at, context.catalogue)
        check = WindowCheck(start.at, end, documented=documented, short_acting=short, lengths=window.lengths)
        for rule in RULES:
            if rule.applies(check):
                verdicts.append(_verdict(context, start, rule, check, window))
                break
    return verdicts


def _ends(period: ExposurePeriod) -> list[tuple[datetime, bool]]:
    ends = [] if period.documented_end is None else [(period.documented_end, True)]
    if period.documented_end is None or period.possible_end > period.documented_end:
        ends.append((period.possible_end, False))
    return ends


def _verdict(
    context: RuleContext, start: AntagonistStart, rule: WithdrawalRule, check: WindowCheck, window: WashoutWindow
) -> Verdict:
    """The rule's verdict, with what may make it milder: a short course, a negative test."""
    if check.short_acting and rule is not wr_01.RULE:
        acute = rule is wr_02.RULE and check.documented
        check.acute = acute and is_short_course(context, window, check.end, start.event.time)
        check.tested = _test_after(context, start, window) is not None
    return Verdict(rule, check, rule.severity(check), window)


def _test_after(context: RuleContext, start: AntagonistStart, window: WashoutWindow) -> Evidence | None:
    """The negative test that counts: after recorded supply alone, never after an order or a report."""
    period = window.period
    if context.attestations is None or period.documented_end is None:
        return None
    if not all(isinstance(entry.fact, (Fill, Evidence)) for entry in period.entries):
        return None
    return context.attestations.negative_after(window.opioid, period.documented_end, with_patient_at(start))


def _decision(context: RuleContext, start: AntagonistStart, met: OpioidConflict, latest: WashoutWindow) -> Decision:
    worst = met.worst
    attested = any(Reason.LAST_DOSE_ATTESTED in hit.window.period.reasons for hit in met.hits)
    return Decision(
        rule=worst.rule.rule_id,
        anchor=start.event,
        counterpart=counterpart_shown(start.event, worst.window),
        counterpart_key=met.exposure.opioid.key,
        severity=worst.severity,
        display=Display.INTERRUPTIVE,
        start=latest.start,
        ends_at=latest.start,
        requires_confirmation=attested and worst.severity is not Severity.CONTRAINDICATED,
        explain=partial(_explain, context, start, met, latest),
    )


def _explain(context: RuleContext, start: AntagonistStart, met: OpioidConflict, latest: WashoutWindow) -> Explanation:
    names, event, worst = context.catalogue.names, start.event, met.worst
    windows = [hit.window for hit in met.hits]
    # Both judgements count, with the windows that each rests on.
    counted = [*windows, *(verdict.window for verdict in met.verdicts if _past(verdict))]
    if latest not in windows:
        windows.append(latest)
    spacing = spacing_reasons([event.entry, *(entry for hit in met.hits for entry in hit.window.period.entries)], names)
    tests = _tests(context, start, met)
    reasons = {
        *antagonist_reasons(start.exposure.antagonist, event.entry, start.dose.parts, names),
        *(reason for hit in met.hits for reason in hit.window.period.reasons),
        *window_reasons(counted, context.catalogue.policy),
        *interaction_reasons(counted),
        *spacing,
        *({Reason.ACTIVE_OVERLAP} if worst.rule is wr_01.RULE else ()),
        *({Reason.ACUTE_COURSE} if any(verdict.check.acute for verdict in met.verdicts) else ()),
        *({Reason.OPIOID_FREE_EVIDENCE} if tests else ()),
        *({Reason.ONGOING_NO_END} if latest.start == FOREVER else ()),
    }
    shown = shown_to(event, windows)
    antagonist = product_text(start.exposure.antagonist.name, event.entry.medicine, start.dose.total_mg)
    return Explanation(
        reasons=reasons,
        sentences=[
            worst.rule.headline(antagonist, opioid_text(shown_to(event, [worst.window])[0]), worst.check),
            *precipitant_text(shown_to(event, counted)),
            *evidence_text(reasons, tests),
            *([SPACING_UNSAFE] if spacing else []),
            start_text(latest.start, shown, zone_of(event.time, event.entry.fact.occurred)),
            *mme_text(shown),
            STANDING_GAPS,
        ],
        actions=[hold_text(event.urgency), *order_actions(reasons)],
        windows=shown,
        judged_at=start.at,
        basis=[
            *antagonist_basis(start.exposure.antagonist, [event.entry, *start.dose.parts]),
            *(one for window in shown for one in opioid_basis(window.opioid, window.period)),
            *precipitant_basis({id(p): p for window in (*counted, latest) for p in window.precipitants}.values()),
            *(BasisItem("evidence", "negative test", None, Entry(test)) for test in tests),
        ],
    )


def _tests(context: RuleContext, start: AntagonistStart, met: OpioidConflict) -> list[Evidence]:
    """The negative tests that made a verdict milder."""
    counted = (_test_after(context, start, verdict.window) for verdict in met.verdicts if verdict.check.tested)
    return list({test.key: test for test in counted if test is not None}.values())


def _past(verdict: Verdict) -> bool:
    """Before the end of a supply only the test of the earliest start counts interacting medicines."""
    return verdict.check.at >= verdict.check.end
