"""OT-02: an antagonist that stays outside the brain beside an opioid: intended use.

When   methylnaltrexone, naloxegol, naldemedine or alvimopan and a systemic opioid are active together
  and  OT-03 does not apply
Then   info on the profile; with naltrexone it is a duplicate antagonist
Source PK11, GK
Needs  orders, fills and doses of peripheral antagonists; exposures to opioids
Cannot see a damaged barrier to the brain
Reasons supply

Cases
| case                                       | severity | display |
|--------------------------------------------|----------|---------|
| both active together                       | info     | profile |
| alvimopan after more than a week of opioid | none     | OT-03   |

Timeline
| time             | event                        | finding    |
|------------------|------------------------------|------------|
| 2026-03-01 09:00 | fill methadone_oral, 30 days |            |
| 2026-03-05 09:00 | fill naloxegol, 30 days      | OT-02 info |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.findings.render import opioid_basis
from rx_clinical.findings.wording import opioid_text, shown_to
from rx_clinical.history.co_medication import CoMedicationExposure
from rx_clinical.history.context import RuleContext
from rx_clinical.history.opioid_exposure import OpioidExposure
from rx_clinical.history.washout_window import acts_for, window_after
from rx_clinical.model.codes import EvidenceLevel, FormKey
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.interactions import ot_03
from rx_clinical.rules.interactions.overlaps import ABOUT_ENDS, Overlap, earliest, meet
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per anchor and counterpart."""
    found: list[tuple[Overlap, Decision]] = []
    for peripheral in context.peripherals:
        every = (*peripheral.supply.periods, *peripheral.others)
        periods = [period for period in every if not ot_03.applies(context, peripheral, period)]
        for exposure in context.opioids:
            for period in periods:
                for opioid_period in exposure.every_period():
                    if meet(period, opioid_period, lasting=acts_for(exposure, context.catalogue)):
                        overlap = Overlap(period, opioid_period)
                        found.append((overlap, _decision(context, peripheral, exposure, overlap)))
    return earliest(found)


def _decision(
    context: RuleContext, peripheral: CoMedicationExposure[FormKey], exposure: OpioidExposure, overlap: Overlap
) -> Decision:
    shown = shown_to(overlap.anchor, [window_after(exposure, overlap.other, context.catalogue)])[0]
    return Decision(
        rule=RULE.id,
        anchor=overlap.anchor,
        counterpart=shown.opioid.form.form_key if overlap.one_is_later else peripheral.key,
        counterpart_key=exposure.opioid.key if overlap.one_is_later else (peripheral.key, ""),
        severity=Severity.INFO,
        display=Display.PROFILE,
        explain=partial(_explain, context, peripheral, exposure, overlap),
    )


def _explain(
    context: RuleContext, peripheral: CoMedicationExposure[FormKey], exposure: OpioidExposure, overlap: Overlap
) -> Explanation:
    form = context.catalogue.drugs[peripheral.key]
    shown = shown_to(overlap.anchor, [window_after(exposure, overlap.other, context.catalogue)])[0]
    duplicate = ["Beside naltrexone it is a second antagonist."] if context.antagonists else []
    return Explanation(
        reasons=(overlap.one.reasons | exposure.reasons_of(overlap.other)) - ABOUT_ENDS,
        sentences=[
            (
                f"{form.name} with {opioid_text(shown)} is intended: it acts on the gut. Withdrawal is rare, and "
                "possible where the barrier to the brain is damaged."
            ),
            *duplicate,
        ],
        basis=[
            *(BasisItem(BasisRole.ANTAGONIST, form.name, peripheral.key, entry) for entry in overlap.one.entries),
            *opioid_basis(shown.opioid, overlap.other),
        ],
        sources=form.sources,
        evidence_level=EvidenceLevel.LABEL,
    )


RULE = Rule("OT-02", Family.INTERACTIONS, needs=(FactBits.PERIPHERAL, FactBits.OPIOID), decide=decide)
