"""PK-01: a medicine that lengthens an opioid's half-life and that opioid are active together.

When   a prolonging medicine (direction prolong, multiplier above 1, systemic route) is active: from its first fill,
       order without a fill or report to the end of its supply and its carry-over
  and  an exposure to the victim opioid meets that interval, from its begin to its possible end
Then   moderate and interruptive if strong, prescribed, methadone or fentanyl, and the pair begins at most 14 days after
       the interacting medicine's first event; else info on the profile
Source MTD3, MTD9, OXY1, FEN1

Reading of the text: a possible exposure (an opioid order without a fill) is an opioid exposure like any other, so it
forms pairs too, and an interacting medicine that was only ordered counts as prescribed. A pair begins when the later
of the two begins; that one's event is the anchor (ties by key). Runs of fills without a gap are one exposure. Of
several exposures that give one anchor and one counterpart, the worst and then the earliest pair is the finding.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rx_clinical.compose import Draft, finding, resting_on_opioid, resting_on_prolongers
from rx_clinical.facts import Report
from rx_clinical.findings import Display, Finding, Severity
from rx_clinical.interacting import Prolonger
from rx_clinical.picture import OpioidCourse, Picture, Reach, window_of
from rx_clinical.reasons import Reason
from rx_clinical.signs import interaction_reasons
from rx_clinical.spans import Event, Span
from rx_clinical.texts import hours_text, interacting_text, opioid_text

RULE = "PK-01"
_INTERRUPTS_WITH = frozenset({"methadone", "fentanyl"})


@dataclass(frozen=True, slots=True)
class Pair:
    """An exposure and an interacting medicine that are active together."""

    course: OpioidCourse
    span: Span
    prolonger: Prolonger

    @property
    def opioid_is_later(self) -> bool:
        """The opioid is the later-starting medicine; ties go by key."""
        return _start(self.span) > _start(self.prolonger.span)

    @property
    def anchor(self) -> Event:
        """The later-starting medicine's first event."""
        span = self.span if self.opioid_is_later else self.prolonger.span
        return Event(span.entries[0], span.begin)

    @property
    def counterpart(self) -> str:
        """The form or ingredient of the other side."""
        return self.prolonger.interaction.interacting if self.opioid_is_later else self.course.opioid.form.form_key

    @property
    def counterpart_key(self) -> tuple[str, str]:
        """Ingredient and form of the other side."""
        return (self.prolonger.interaction.interacting, "") if self.opioid_is_later else self.course.opioid.key

    @property
    def begins_at(self) -> datetime:
        """The later of the two begins."""
        return max(self.span.begin.earliest, self.prolonger.span.begin.earliest)


def _start(span: Span) -> tuple[datetime, bytes]:
    return (span.begin.earliest, span.entries[0].fact.key)


def applies(span: Span, prolonger: Prolonger) -> bool:
    """Exposure and interacting medicine touch."""
    return prolonger.meets(span.begin.earliest, span.possible_end)


def severity(pair: Pair, picture: Picture) -> Severity:
    """Loud only for a new, strong, prescribed medicine with methadone or fentanyl."""
    row, history = pair.prolonger.interaction, pair.prolonger.history
    prescribed = not isinstance(pair.prolonger.span.entries[0].fact, Report)
    new = pair.begins_at - history.first_event_at <= picture.catalogue.policy.new_interaction
    loud = row.strength == "strong" and prescribed and row.victim_name in _INTERRUPTS_WITH and new
    return Severity.MODERATE if loud else Severity.INFO


def findings(picture: Picture) -> list[Finding]:
    """One finding an anchor and counterpart."""
    chosen: dict[tuple[bytes, tuple[str, str]], tuple[Severity, Pair]] = {}
    ranked = sorted(
        ((severity(pair, picture), pair) for pair in _pairs(picture.opioids)),
        key=lambda rated: (rated[0].rank, rated[1].begins_at, _start(rated[1].span), _start(rated[1].prolonger.span)),
    )
    for rated, pair in ranked:
        chosen.setdefault((pair.anchor.entry.fact.key, pair.counterpart_key), (rated, pair))
    return [_finding(picture, rated, pair) for rated, pair in chosen.values()]


def _pairs(courses: Iterable[OpioidCourse]) -> Iterator[Pair]:
    for course in courses:
        if course.prolongers:
            for span in course.history.spans():
                for prolonger in course.prolongers:
                    if applies(span, prolonger):
                        yield Pair(course, span, prolonger)


def _finding(picture: Picture, rated: Severity, pair: Pair) -> Finding:
    alone = window_of(pair.course.opioid, pair.prolonger.interaction.multiplier, picture.catalogue)
    counted = Reach(pair.course.opioid, pair.span, alone, (pair.prolonger,))
    name = pair.prolonger.interaction.name
    draft = Draft(
        rule=RULE,
        anchor=pair.anchor,
        counterpart=pair.counterpart,
        counterpart_key=pair.counterpart_key,
        severity=rated,
        display=Display.INTERRUPTIVE if rated is Severity.MODERATE else Display.PROFILE,
        reasons=frozenset({*interaction_reasons([counted]), *(pair.span.reasons & {Reason.UNFILLED_PRESCRIPTION})}),
        active_from=pair.begins_at,
        start=None,
        ends_at=None,
        sentences=[
            f"{name} and {opioid_text(counted)} are active together: higher and longer exposure, watch sedation.",
            *interacting_text([counted]),
            f"With it, an antagonist waits {hours_text(alone.policy)} h or longer after the last opioid dose.",
        ],
        actions=[],
        resting=[*resting_on_opioid(pair.course.opioid, pair.span), *resting_on_prolongers([pair.prolonger])],
        sources=pair.prolonger.interaction.sources,
        evidence_level=pair.prolonger.interaction.evidence_level,
    )
    return finding(draft, picture.catalogue)
