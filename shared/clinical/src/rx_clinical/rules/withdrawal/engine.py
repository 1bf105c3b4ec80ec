"""Pairs every antagonist start with every opioid begun before it, for WR-01 to WR-03.

The conflicts are found once per context. Each rule then rates their checks; the worst decision of a conflict counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rx_clinical.catalogue.drug_forms import Acting
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
from rx_clinical.model.findings import BasisRole, Display, Severity, WindowSatisfied
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, later
from rx_clinical.rules.withdrawal.window_check import WindowCheck

_CONFLICTS, _CLEARED = "opioid_conflicts", "cleared_windows"  # keys of the context's cache


@dataclass(slots=True, eq=False)
class ExposureHit:
    """An exposure that an antagonist start meets inside its window."""

    checks: tuple[WindowCheck, ...]  # of its ends, those whose window is open
    window: WashoutWindow  # the one to wait for


@dataclass(slots=True, eq=False)
class OpioidConflict:
    """An opioid of which an antagonist start meets exposures inside their windows."""

    start: AntagonistStart
    exposure: OpioidExposure
    hits: tuple[ExposureHit, ...]
    checks: tuple[WindowCheck, ...]  # of all hits
    latest: WashoutWindow  # ends last, of all opioids that the start meets


@dataclass(slots=True, eq=False)
class ClearedWindow:
    """An antagonist start past the whole window of an exposure."""

    start: AntagonistStart
    window: WashoutWindow

    def to_message(self) -> WindowSatisfied:
        """Return the window with its arithmetic."""
        fact = self.start.event.entry.fact
        line = arithmetic_line(shown_to(self.start.event, [self.window])[0], self.start.at)
        return WindowSatisfied(anchor_key=fact.key, anchor_event_id=fact.event_id, line=line)


def opioid_conflicts(context: RuleContext) -> list[OpioidConflict]:
    """Return the conflicts of all antagonist starts; found once per context."""
    found = context.cache.get(_CONFLICTS)
    if found is None:
        found = context.cache[_CONFLICTS] = _find_conflicts(context)
    return found  # type: ignore[return-value]  # written above, nowhere else


def cleared_windows(context: RuleContext) -> list[ClearedWindow]:
    """Return the windows that an antagonist start has cleared."""
    opioid_conflicts(context)
    return context.cache[_CLEARED]  # type: ignore[return-value]  # written by _find_conflicts, nowhere else


def _find_conflicts(context: RuleContext) -> list[OpioidConflict]:
    conflicts: list[OpioidConflict] = []
    cleared: list[ClearedWindow] = []
    context.cache[_CLEARED] = cleared
    for start in context.starts if context.opioids else ():
        if start.dose.tier.ultra_low:
            continue
        if hits_by_opioid := _hits_by_opioid(context, start, cleared):
            latest = max((hit.window for _, hits in hits_by_opioid for hit in hits), key=lambda window: window.start)
            for exposure, hits in hits_by_opioid:
                checks = tuple(check for hit in hits for check in hit.checks)
                conflicts.append(OpioidConflict(start, exposure, tuple(hits), checks, latest))
    return conflicts


def _hits_by_opioid(
    context: RuleContext, start: AntagonistStart, cleared: list[ClearedWindow]
) -> list[tuple[OpioidExposure, list[ExposureHit]]]:
    """Return the opioids that the start meets, and add the windows that it clears to `cleared`."""
    hits_by_opioid = []
    for exposure in context.opioids:
        hits = []
        for period in context.seen_at(exposure, start.event.time):
            hit = _check_period(context, start, exposure, period)
            if isinstance(hit, ExposureHit):
                hits.append(hit)
            else:
                cleared.append(ClearedWindow(start, hit))
        if hits:
            hits_by_opioid.append((exposure, hits))
    return hits_by_opioid


def _check_period(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, period: ExposurePeriod
) -> ExposureHit | WashoutWindow:
    """Return the hit, or the window that is cleared."""
    window = window_after(exposure, period, context.catalogue)
    checks = _open_checks(context, start, exposure, period)
    if not checks:
        recorded = period.recorded
        if recorded is None or not _open_checks(context, start, exposure, recorded):
            return window
        checks = [_attested_check(context, start, period, window)]
    elif window.start <= start.at:
        # What began after the two weeks counts for the check alone: then its window is the one to wait for.
        window = max((check.window for check in checks), key=lambda window: window.start)
    return ExposureHit(tuple(checks), window)


def _attested_check(
    context: RuleContext, start: AntagonistStart, period: ExposurePeriod, window: WashoutWindow
) -> WindowCheck:
    """Check an attested last dose that is past its window, while the recorded supply is not."""
    end, lengths = period.possible_end, window.lengths
    check = WindowCheck(start.at, end, True, True, window, later(end, lengths.hard), later(end, lengths.policy))
    check.attested = True
    check.negative_test = _test_after(context, start, window)
    return check


def _open_checks(
    context: RuleContext, start: AntagonistStart, exposure: OpioidExposure, period: ExposurePeriod
) -> list[WindowCheck]:
    """Check each end of the exposure; return those whose window is open at the antagonist time."""
    checks = []
    short = exposure.opioid.form.acting is Acting.SHORT
    at = start.at
    for end, documented in _ends(period):
        window = window_between(exposure, period, end, at, context.catalogue)
        hard_end, policy_end = later(end, window.lengths.hard), later(end, window.lengths.policy)
        if at < (policy_end if short else hard_end):  # only short-acting opioids have the two weeks
            check = WindowCheck(at, end, documented, short, window, hard_end, policy_end)
            if short and not check.in_supply:
                _mitigate(context, start, check)
            checks.append(check)
    return checks


def _ends(period: ExposurePeriod) -> list[tuple[datetime, bool]]:
    """Return the documented end, and the possible one where it lies later; True = documented."""
    ends = [] if period.documented_end is None else [(period.documented_end, True)]
    if period.documented_end is None or period.possible_end > period.documented_end:
        ends.append((period.possible_end, False))
    return ends


def _mitigate(context: RuleContext, start: AntagonistStart, check: WindowCheck) -> None:
    """Set what may lower the severity: a short course inside the hard window, a negative test."""
    if check.documented and check.at < check.hard_end:
        check.short_course = is_short_course(context, check.window, check.end, start.event.time)
    check.negative_test = _test_after(context, start, check.window)


def _test_after(context: RuleContext, start: AntagonistStart, window: WashoutWindow) -> Evidence | None:
    """Return the negative test that counts: after recorded supply alone, never after an order or a report."""
    period = window.period
    if context.attestations is None or period.documented_end is None:
        return None
    if not all(isinstance(entry.fact, (Fill, Evidence)) for entry in period.entries):
        return None
    return context.attestations.negative_after(window.opioid, period.documented_end, with_patient_at(start))


def decide_conflicts(
    context: RuleContext,
    rule_id: str,
    rate: Callable[[WindowCheck], Severity | None],
    headline: Callable[[str, str, WindowCheck], str],
    reasons: Iterable[Reason] = (),
) -> list[Decision]:
    """Decide each conflict by the worst check that `rate` rates; it returns None for checks of other rules.

    Of equal severity a documented end counts more than an assumed one. `headline` takes antagonist, opioid and check.
    """
    decisions = []
    for conflict in opioid_conflicts(context):
        worst: tuple[Severity, WindowCheck] | None = None
        for check in conflict.checks:
            severity = rate(check)
            if severity is not None and (worst is None or _rank(severity, check) < _rank(*worst)):
                worst = severity, check
        if worst is not None:
            explain = partial(_explain, context, conflict, worst[1], headline, reasons)
            decisions.append(_decision(conflict, rule_id, *worst, explain))
    return decisions


def _rank(severity: Severity, check: WindowCheck) -> tuple[int, bool]:
    """Rank the worst first; of equals the documented end."""
    return (severity.rank, not check.documented)


def _decision(
    conflict: OpioidConflict, rule_id: str, severity: Severity, check: WindowCheck, explain: Callable[[], Explanation]
) -> Decision:
    event, start = conflict.start.event, conflict.latest.start
    attested = any(Reason.LAST_DOSE_ATTESTED in hit.window.period.reasons for hit in conflict.hits)
    return Decision(
        rule=rule_id,
        anchor=event,
        counterpart=counterpart_shown(event, check.window),
        counterpart_key=conflict.exposure.opioid.key,
        severity=severity,
        display=Display.INTERRUPTIVE,
        start=start,
        ends_at=start,
        requires_confirmation=attested and severity is not Severity.CONTRAINDICATED,
        explain=explain,
        conflict=conflict,
        assumed=not check.documented,
    )


def _explain(
    context: RuleContext,
    conflict: OpioidConflict,
    worst: WindowCheck,
    headline: Callable[[str, str, WindowCheck], str],
    own_reasons: Iterable[Reason],
) -> Explanation:
    names, start, latest, checks = context.catalogue.names, conflict.start, conflict.latest, conflict.checks
    event = start.event
    windows = [hit.window for hit in conflict.hits]
    # Both ends count, with the windows that each rests on; before an end only `windows` counts precipitants.
    counted = [*windows, *(check.window for check in checks if check.at >= check.end)]
    if latest not in windows:
        windows.append(latest)
    entries = [entry for hit in conflict.hits for entry in hit.window.period.entries]
    spacing = spacing_reasons([event.entry, *entries], names)
    tests = _tests(checks)
    reasons = {
        *own_reasons,
        *antagonist_reasons(start.exposure.antagonist, event.entry, start.dose.parts, names),
        *(reason for hit in conflict.hits for reason in hit.window.period.reasons),
        *window_reasons(counted, context.catalogue.policy),
        *interaction_reasons(counted),
        *spacing,
        *({Reason.ACUTE_COURSE} if any(check.short_course for check in checks) else ()),
        *({Reason.OPIOID_FREE_EVIDENCE} if tests else ()),
        *({Reason.ONGOING_NO_END} if latest.start == FOREVER else ()),
    }
    shown = shown_to(event, windows)
    antagonist = product_text(start.exposure.antagonist.name, event.entry.medicine, start.dose.total_mg)
    return Explanation(
        reasons=reasons,
        sentences=[
            headline(antagonist, opioid_text(shown_to(event, [worst.window])[0]), worst),
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
            *(item for window in shown for item in opioid_basis(window.opioid, window.period)),
            *precipitant_basis({id(p): p for window in (*counted, latest) for p in window.precipitants}.values()),
            *(BasisItem(BasisRole.EVIDENCE, "negative test", None, Entry(test)) for test in tests),
        ],
    )


def _tests(checks: Sequence[WindowCheck]) -> list[Evidence]:
    """Return the negative tests that lowered a severity, each once."""
    return list({test.key: test for check in checks if (test := check.negative_test) is not None}.values())
