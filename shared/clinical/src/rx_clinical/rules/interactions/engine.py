"""Pairs an opioid exposure with a precipitant that is active together with it, for PK-01 to PK-03, IN-01 and IN-02."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.render import opioid_basis, precipitant_basis
from rx_clinical.findings.wording import opioid_text, shown_to
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.half_life_modifiers import Precipitant
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import WashoutWindow, acts_for, window_lengths
from rx_clinical.model.codes import NO_CODE
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import later
from rx_clinical.rules.interactions.overlaps import ABOUT_ENDS


@dataclass(slots=True, eq=False)
class InteractionOverlap:
    """An opioid exposure and a precipitant that are active together, by one row of perpetrators.csv."""

    exposure: OpioidExposure
    period: ExposurePeriod
    taken: Precipitant

    @property
    def opioid_is_later(self) -> bool:
        """True if the opioid starts later; ties go by key."""
        return _start(self.period) > _start(self.taken.period)

    @property
    def anchor(self) -> Event:
        """First event of the medicine that starts later."""
        period = self.period if self.opioid_is_later else self.taken.period
        return Event(period.entries[0], period.begin)

    @property
    def counterpart_key(self) -> tuple[str, str]:
        """Ingredient and form of the other side."""
        return (self.taken.interaction.precipitant_code, "") if self.opioid_is_later else self.exposure.opioid.key

    @property
    def begins_at(self) -> datetime:
        """The later of the two begins."""
        return max(self.period.begin.earliest, self.taken.period.begin.earliest)

    def begins_within(self, time: timedelta) -> bool:
        """Return True if the pair begins at most `time` after the precipitant's first event."""
        return self.begins_at - self.taken.exposure.first_event_at <= time

    def shown(self, context: RuleContext) -> WashoutWindow:
        """Return the exposure with this precipitant's effect alone, as the anchor's site may read it."""
        alone = window_lengths(self.exposure.opioid, self.taken.interaction.multiplier, context.catalogue)
        return shown_to(self.anchor, [WashoutWindow(self.exposure.opioid, self.period, alone, (self.taken,))])[0]


def _start(period: ExposurePeriod) -> tuple[datetime, bytes]:
    return (period.begin.earliest, period.entries[0].fact.key)


def prolonging_pairs(context: RuleContext) -> Iterator[InteractionOverlap]:
    """Yield every opioid exposure that overlaps a precipitant which extends its half-life."""
    for exposure in context.opioids:
        if exposure.precipitants:
            yield from _touching(context, exposure, exposure.precipitants)


def effect_pairs(context: RuleContext, rule: str) -> Iterator[InteractionOverlap]:
    """Yield every opioid exposure that overlaps a precipitant whose perpetrators.csv row names the rule."""
    by_object = context.catalogue.effects.get(rule, {})
    for exposure in context.opioids:
        rows = by_object.get(exposure.opioid.ingredient or NO_CODE, ())
        taken = [
            Precipitant(row, period, co_medication)
            for row in rows
            for co_medication in context.precipitant_exposures
            if co_medication.key == row.precipitant_code
            for period in co_medication.periods()
        ]
        yield from _touching(context, exposure, taken)


def _touching(
    context: RuleContext, exposure: OpioidExposure, taken: Iterable[Precipitant]
) -> Iterator[InteractionOverlap]:
    """Yield the pairs that are active together; a depot releases for its half-lives after the injection."""
    lasting = acts_for(exposure, context.catalogue)
    for period in exposure.periods():
        until = later(period.possible_end, lasting)
        for exposure_taken in taken:
            if exposure_taken.meets(period.begin.earliest, until):
                yield InteractionOverlap(exposure, period, exposure_taken)


def decide_pairs(
    context: RuleContext,
    rule: str,
    pairs: Iterable[InteractionOverlap],
    rate: Callable[[InteractionOverlap], tuple[Severity, Display]],
    explain: Callable[[InteractionOverlap], Explanation],
) -> list[Decision]:
    """Return one decision per anchor and counterpart: that of the worst pair, of equals the earliest."""
    ranked = sorted(
        ((rate(pair), pair) for pair in pairs),
        key=lambda rated: (
            rated[0][0].rank,
            rated[1].begins_at,
            _start(rated[1].period),
            _start(rated[1].taken.period),
        ),
    )
    chosen: dict[tuple[bytes, tuple[str, str]], tuple[tuple[Severity, Display], InteractionOverlap]] = {}
    for rated, pair in ranked:
        chosen.setdefault((pair.anchor.entry.fact.key, pair.counterpart_key), (rated, pair))
    return [
        Decision(
            rule=rule,
            anchor=pair.anchor,
            counterpart=pair.taken.interaction.precipitant_code
            if pair.opioid_is_later
            else pair.shown(context).opioid.form.form_key,
            counterpart_key=pair.counterpart_key,
            severity=severity,
            display=display,
            explain=partial(explain, pair),
        )
        for (severity, display), pair in chosen.values()
    ]


def decide_info_pairs(
    context: RuleContext, rule: str, sentence: Callable[[RuleContext, InteractionOverlap], str]
) -> list[Decision]:
    """Decide the pairs of a rule that only informs, with one sentence on the profile."""

    def explain(pair: InteractionOverlap) -> Explanation:
        return explain_pair(context, pair, [sentence(context, pair)], ())

    return decide_pairs(context, rule, effect_pairs(context, rule), lambda _: (Severity.INFO, Display.PROFILE), explain)


def explain_pair(
    context: RuleContext, pair: InteractionOverlap, sentences: list[str], reasons: Iterable[Reason]
) -> Explanation:
    """Explain a pair by what every pair shares, with the sentences and reasons of the rule."""
    shown = pair.shown(context)
    return Explanation(
        reasons={*reasons, *(pair.exposure.reasons_of(pair.period) - ABOUT_ENDS)},
        sentences=sentences,
        basis=[*opioid_basis(shown.opioid, pair.period), *precipitant_basis([pair.taken])],
        sources=() if shown.opioid.masked else pair.taken.interaction.sources,  # a source names its drug
        evidence_level=pair.taken.interaction.evidence_level,
    )


def opioid_of(context: RuleContext, pair: InteractionOverlap) -> str:
    """Return the opioid of a pair as people read it."""
    return opioid_text(pair.shown(context))
