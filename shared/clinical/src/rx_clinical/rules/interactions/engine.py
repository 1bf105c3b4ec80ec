"""An interacting medicine and an opioid that are active together: what PK-01 to PK-03 and IN-01 judge."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.render import resting_on_opioid, resting_on_prolongers
from rx_clinical.findings.wording import opioid_text, shown_to
from rx_clinical.history.context import OpioidCourse, Picture, Reach, acts_for, window_of
from rx_clinical.history.exposure_period import Event, Span
from rx_clinical.history.half_life_modifiers import Prolonger
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later
from rx_clinical.rules.interactions.overlaps import ABOUT_ENDS


@dataclass(slots=True, eq=False)
class Pair:
    """An exposure and an interacting medicine that are active together, by one row of perpetrators.csv."""

    course: OpioidCourse
    span: Span
    taken: Prolonger

    @property
    def opioid_is_later(self) -> bool:
        """The opioid is the later-starting medicine; ties go by key."""
        return _start(self.span) > _start(self.taken.span)

    @property
    def anchor(self) -> Event:
        """The later-starting medicine's first event."""
        span = self.span if self.opioid_is_later else self.taken.span
        return Event(span.entries[0], span.begin)

    @property
    def counterpart_key(self) -> tuple[str, str]:
        """Ingredient and form of the other side."""
        return (self.taken.interaction.interacting, "") if self.opioid_is_later else self.course.opioid.key

    @property
    def begins_at(self) -> datetime:
        """The later of the two begins."""
        return max(self.span.begin.earliest, self.taken.span.begin.earliest)

    def begins_within(self, time: timedelta) -> bool:
        """The pair begins at most so long after the interacting medicine's first event."""
        return self.begins_at - self.taken.history.first_event_at <= time

    def shown(self, picture: Picture) -> Reach:
        """The exposure with this medicine's effect alone, as the anchor's site may read it."""
        alone = window_of(self.course.opioid, self.taken.interaction.multiplier, picture.catalogue)
        return shown_to(self.anchor, [Reach(self.course.opioid, self.span, alone, (self.taken,))])[0]


def _start(span: Span) -> tuple[datetime, bytes]:
    return (span.begin.earliest, span.entries[0].fact.key)


def prolonging_pairs(picture: Picture) -> Iterator[Pair]:
    """Every exposure that a medicine which lengthens it touches."""
    for course in picture.opioids:
        if course.prolongers:
            yield from _touching(picture, course, course.prolongers)


def effect_pairs(picture: Picture, rule: str) -> Iterator[Pair]:
    """Every exposure that a medicine touches whose row in perpetrators.csv names the rule."""
    by_victim = picture.catalogue.effects.get(rule, {})
    for course in picture.opioids:
        rows = by_victim.get(course.opioid.ingredient or "", ())
        taken = [
            Prolonger(row, span, history)
            for row in rows
            for history in picture.interacting
            if history.key == row.interacting
            for span in history.spans()
        ]
        yield from _touching(picture, course, taken)


def _touching(picture: Picture, course: OpioidCourse, taken: Iterable[Prolonger]) -> Iterator[Pair]:
    """What is active together; a depot goes on releasing for its half-lives after the injection."""
    lasting = acts_for(course, picture.catalogue)
    for span in course.history.spans():
        until = later(span.possible_end, lasting)
        for one in taken:
            if one.meets(span.begin.earliest, until):
                yield Pair(course, span, one)


def decide_pairs(
    picture: Picture,
    rule: str,
    pairs: Iterable[Pair],
    rate: Callable[[Pair], tuple[Severity, Display]],
    explain: Callable[[Pair], Explanation],
) -> list[Decision]:
    """One decision an anchor and counterpart: the worst pair, and of equals the earliest."""
    ranked = sorted(
        ((rate(pair), pair) for pair in pairs),
        key=lambda rated: (rated[0][0].rank, rated[1].begins_at, _start(rated[1].span), _start(rated[1].taken.span)),
    )
    chosen: dict[tuple[bytes, tuple[str, str]], tuple[tuple[Severity, Display], Pair]] = {}
    for rated, pair in ranked:
        chosen.setdefault((pair.anchor.entry.fact.key, pair.counterpart_key), (rated, pair))
    return [
        Decision(
            rule=rule,
            anchor=pair.anchor,
            counterpart=pair.taken.interaction.interacting
            if pair.opioid_is_later
            else pair.shown(picture).opioid.form.form_key,
            counterpart_key=pair.counterpart_key,
            severity=severity,
            display=display,
            explain=partial(explain, pair),
        )
        for (severity, display), pair in chosen.values()
    ]


def explain_pair(picture: Picture, pair: Pair, sentences: list[str], reasons: Iterable[Reason]) -> Explanation:
    """The parts that every pair shares."""
    shown = pair.shown(picture)
    return Explanation(
        reasons={*reasons, *(pair.course.reasons_of(pair.span) - ABOUT_ENDS)},
        sentences=sentences,
        resting=[*resting_on_opioid(shown.opioid, pair.span), *resting_on_prolongers([pair.taken])],
        sources=() if shown.opioid.masked else pair.taken.interaction.sources,  # a source names its drug
        evidence_level=pair.taken.interaction.evidence_level,
    )


def opioid_of(picture: Picture, pair: Pair) -> str:
    """The opioid of a pair as people read it."""
    return opioid_text(pair.shown(picture))
