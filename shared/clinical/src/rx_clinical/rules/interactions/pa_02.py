"""PA-02: a mixed agonist-antagonist on a full agonist or buprenorphine.

When   nalbuphine, butorphanol or pentazocine is active together with a supply of a full agonist or of buprenorphine
       (a depot for its half-lives)
Then   contraindicated for outpatients and where the setting is unknown; moderate on the profile in hospital, where low
       doses are used on purpose; major where an assumption or an order without a fill alone carries it
Source WV, MTD10
Needs  orders, fills and doses of nalbuphine, butorphanol and pentazocine, with the setting; supply of other opioids
Cannot see leftover tablets; supply of other organisations, opioid treatment programmes, hospitals, abroad, mail or
       friends; why a low dose is given in hospital
Reasons MIXED_ON_FULL_AGONIST, supply, OPIOID_EVIDENCE_POSITIVE

Cases
| case                                                         | severity        | display      |
|--------------------------------------------------------------|-----------------|--------------|
| outpatient or setting unknown, recorded supply on both sides | contraindicated | interruptive |
| an order without a fill or an assumed end alone carries it   | major           | interruptive |
| given in hospital                                            | moderate        | profile      |

Timeline
| time             | event                        | finding               |
|------------------|------------------------------|-----------------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days |                       |
| 2026-03-10 09:00 | give nalbuphine              | PA-02 contraindicated |
| 2026-03-11 09:00 | give nalbuphine, inpatient   | PA-02 moderate        |

Timeline: buprenorphine only ordered
| time             | event                    | finding     |
|------------------|--------------------------|-------------|
| 2026-03-01 09:00 | order bup_sl, 30 days    |             |
| 2026-03-10 09:00 | fill butorphanol, 5 days | PA-02 major |
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from rx_clinical.catalogue.roles import FactBits, Opioid
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.render import opioid_basis
from rx_clinical.findings.wording import opioid_text, shown_to
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import acts_for, certain_end, window_after
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import Administration, Prescription
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.interactions.overlaps import Overlap, begin_together, earliest, meet
from rx_clinical.rules.rule import Family, Rule

_MIXED = "mixed_agonist_antagonist"
_AGONISTS = frozenset({"full_agonist", "partial_agonist"})


@dataclass(slots=True, eq=False)
class Clash(Overlap):
    """A mixed agonist (`one`) and an agonist (`other`) that are active together."""

    mixed: OpioidExposure
    agonist: OpioidExposure
    lasting: timedelta  # how long the agonist acts after the end of its supply

    @property
    def certain(self) -> bool:
        """True if both sides are recorded and the documented supplies overlap."""
        entries = (self.one.entries[-1], self.other.entries[-1])
        if any(isinstance(entry.fact, Prescription) for entry in entries):
            return False
        end = certain_end(self.other, self.lasting) if self.one_is_later else self.one.documented_end
        return end is not None and begin_together(self.one, self.other, end)


def severity(clash: Clash) -> Severity:
    """Rate by the setting and by what is certain."""
    given = clash.one.entries[-1].fact
    if isinstance(given, Administration) and given.setting == "inpatient":
        return Severity.MODERATE
    return Severity.CONTRAINDICATED if clash.certain else Severity.MAJOR


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart, the worst."""
    return earliest((clash, _decision(context, clash)) for clash in _clashes(context))


def _clashes(context: RuleContext) -> Iterator[Clash]:
    mixed = [exposure for exposure in context.opioids if exposure.opioid.form.drug_class == _MIXED]
    agonists = [exposure for exposure in context.opioids if exposure.opioid.form.drug_class in _AGONISTS]
    for agonist_antagonist in mixed:
        for other in agonists:
            lasting = acts_for(other, context.catalogue)
            for mixed_span in agonist_antagonist.every_period():
                for period in other.every_period():
                    if meet(mixed_span, period, lasting):
                        yield Clash(mixed_span, period, agonist_antagonist, other, lasting)


def _decision(context: RuleContext, clash: Clash) -> Decision:
    other, period = (clash.agonist, clash.other) if clash.one_is_later else (clash.mixed, clash.one)
    rated = severity(clash)
    return Decision(
        rule=RULE.id,
        anchor=clash.anchor,
        counterpart=_shown(context, clash.anchor, other, period).form.form_key,
        counterpart_key=other.opioid.key,
        severity=rated,
        display=Display.PROFILE if rated is Severity.MODERATE else Display.INTERRUPTIVE,
        explain=partial(_explain, context, clash),
    )


def _shown(context: RuleContext, anchor: Event, exposure: OpioidExposure, period: ExposurePeriod) -> Opioid:
    return shown_to(anchor, [window_after(exposure, period, context.catalogue)])[0].opioid


def _explain(context: RuleContext, clash: Clash) -> Explanation:
    mixed = shown_to(clash.anchor, [window_after(clash.mixed, clash.one, context.catalogue)])[0]
    agonist = shown_to(clash.anchor, [window_after(clash.agonist, clash.other, context.catalogue)])[0]
    return Explanation(
        reasons={Reason.MIXED_ON_FULL_AGONIST, *clash.one.reasons, *clash.agonist.reasons_of(clash.other)},
        sentences=[
            (
                f"{opioid_text(mixed)} on {opioid_text(agonist)}: it blocks what the other one activates, and "
                "precipitates opioid withdrawal."
            ),
            "In hospital low doses are used on purpose (itch, labour)."
            if severity(clash) is Severity.MODERATE
            else "Choose another analgesic.",
        ],
        basis=[
            *opioid_basis(mixed.opioid, clash.one),
            *opioid_basis(agonist.opioid, clash.other),
        ],
        evidence_level=EvidenceLevel.LABEL,
    )


RULE = Rule("PA-02", Family.INTERACTIONS, needs=(FactBits.MIXED, FactBits.FULL | FactBits.PARTIAL), decide=decide)
