"""Courses of naltrexone for the LD rules: where each begins, and what is supplied from when to when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rx_clinical.catalogue.antagonists import BY_DOSE
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.render import antagonist_basis
from rx_clinical.findings.wording import number_text, product_text
from rx_clinical.history.antagonist_exposure import AntagonistStart
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.facts import Prescription, Report
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.washout import later


@dataclass(slots=True, eq=False)
class Intake:
    """One naltrexone event with its supply: an order without a fill, a fill, a dose given or reported use."""

    start: AntagonistStart
    low_dose: bool  # at most 5 mg a day, or a low-dose product of unknown dose
    starts: bool  # no earlier naltrexone supply reaches it: a course begins
    course_begin: datetime
    lasting: timedelta  # of a depot, after the injection

    @property
    def event(self) -> Event:
        """Antagonist event."""
        return self.start.event

    @property
    def at(self) -> datetime:
        """Antagonist time."""
        return self.start.at

    @property
    def until(self) -> datetime:
        """End of the supply; of a depot, end of its month."""
        return later(self.start.period.possible_end, self.lasting)

    @property
    def dose_mg(self) -> Decimal | None:
        """Milligrams a day over all products; None = unknown, or a depot."""
        return self.start.dose.total_mg

    @property
    def text(self) -> str:
        """Product as people read it."""
        return product_text(self.start.exposure.antagonist.name, self.event.entry.medicine, self.start.dose.total_mg)

    @property
    def basis(self) -> list[BasisItem]:
        """Facts that the intake rests on."""
        return antagonist_basis(self.start.exposure.antagonist, [self.event.entry, *self.start.dose.parts])


def intakes(context: RuleContext) -> list[Intake]:
    """Return every naltrexone event in order of time; derived once per context."""
    found = context.cache.get("intakes")
    if found is None:
        found = context.cache["intakes"] = _intakes(context)
    return found  # type: ignore[return-value]  # written above, nowhere else


def _intakes(context: RuleContext) -> list[Intake]:
    steps = sorted(
        (
            start
            for start in context.starts
            if start.exposure.antagonist.depot or start.exposure.antagonist.tier == BY_DOSE
        ),
        key=lambda start: (start.at, start.event.entry.fact.key),
    )
    gap = context.catalogue.policy.ldn_course_gap
    found: list[Intake] = []
    reach: datetime | None = None  # end of the supplies before
    begin: datetime | None = None
    for start in steps:
        at, period = start.at, start.period
        fresh = reach is None or later(reach, gap) < at
        if fresh or begin is None:
            begin = at
        lasting = context.catalogue.policy.depot_block if start.exposure.antagonist.depot else timedelta(0)
        found.append(Intake(start, _is_low(context, start), fresh and _may_start(start), begin, lasting))
        if not isinstance(start.event.entry.fact, Prescription):
            reach = period.possible_end if reach is None else max(reach, period.possible_end)
    return found


def _is_low(context: RuleContext, start: AntagonistStart) -> bool:
    by_form = start.dose.total_mg is None and context.catalogue.is_low_dose_form(start.exposure.antagonist.form_key)
    return start.dose.tier.low_dose or by_form


def _may_start(start: AntagonistStart) -> bool:
    """Return False for a report: it is about a course that has begun before."""
    return not isinstance(start.event.entry.fact, Report)


def decide_to_confirm(rule: str, intake: Intake, kind: str, explain: Callable[[], Explanation]) -> Decision:
    """Return a major decision in the worklist, to be confirmed, about a supply and a fact of the patient."""
    return Decision(
        rule=rule,
        anchor=intake.event,
        counterpart=kind,
        counterpart_key=(kind, ""),
        severity=Severity.MAJOR,
        display=Display.QUEUE,
        requires_confirmation=True,
        explain=explain,
    )


def low_dose_intakes(context: RuleContext) -> list[Intake]:
    """Return the intakes of low-dose naltrexone; derived once per context."""
    found = context.cache.get("low_dose_intakes")
    if found is None:
        found = context.cache["low_dose_intakes"] = [intake for intake in intakes(context) if intake.low_dose]
    return found  # type: ignore[return-value]  # written above, nowhere else


def dose_text(dose_mg: Decimal | None) -> str:
    """Say the dose: `4.5 mg a day`, or that it is unknown."""
    return "an unknown dose" if dose_mg is None else f"{number_text(dose_mg)} mg a day"


def history_is_short(context: RuleContext, at: datetime) -> bool:
    """Return True if too little history is known to know whether a course starts."""
    since = later(at, -context.catalogue.policy.ldn_history)
    return context.known_since is None or context.known_since > since
