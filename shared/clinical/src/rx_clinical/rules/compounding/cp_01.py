"""CP-01: a filler that is not microcrystalline cellulose, or something that the patient is allergic to.

When   naltrexone is to be compounded with an added filler other than microcrystalline cellulose
   or  the preparation brings what an allergy on record names: tablets bring lactose, hypromellose and dyes, a capsule
       shell gelatin or hypromellose, filler and vehicle what they are
Then   major: calcium carbonate, bicarbonate and slow-release matrix agents are refused; sucrose or lactose only by a
       pharmacist's override with an allergy check; anything else is changed
Source SEED4 (cellulose only), FILL1, FILL2, NTX3 (excipients of tablets)
Needs  requests with preparation, strength, quantity, source of the active, filler and vehicle; allergies on record,
       in words
Cannot see what was really weighed in; allergies that nobody recorded
Reasons none of its own

Cases
| case                                                                          | severity | display      |
|-------------------------------------------------------------------------------|----------|--------------|
| a filler that is refused: calcium carbonate, bicarbonate, slow-release matrix | major    | interruptive |
| sucrose or lactose: to be confirmed; a filler in no list                      | major    | interruptive |
| the preparation brings what an allergy names: to be confirmed                 | major    | interruptive |
| microcrystalline cellulose, or no filler                                      | none     | -            |

Timeline
| time             | event                                                         | finding     |
|------------------|---------------------------------------------------------------|-------------|
| 2026-03-01 09:00 | compound capsule 4.5 mg, 90 units, filler "Avicel"            |             |
| 2026-03-01 10:00 | compound capsule 4.5 mg, 90 units, filler "calcium carbonate" | CP-01 major |
| 2026-03-01 11:00 | compound capsule 4.5 mg, 90 units, filler "lactose"           | CP-01 major |

Timeline: an allergy; tablets bring lactose
| time             | event                                                   | finding                  |
|------------------|---------------------------------------------------------|--------------------------|
| 2026-03-01 09:00 | fact allergy: lactose                                   |                          |
| 2026-03-01 10:00 | compound capsule 4.5 mg, 90 units, from "50 mg tablets" | CP-01 major with lactose |
| 2026-03-01 11:00 | compound capsule 4.5 mg, 90 units, from "bulk powder"   |                          |
"""

from functools import partial

from rx_clinical.catalogue.compounding import AllergenSource, Filler, FillerVerdict
from rx_clinical.catalogue.compounding_request import request_text, requests
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import Event
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import CompoundRequest, PatientFact
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.rule import Family, Rule

_TEXT = {
    FillerVerdict.REFUSED: "is refused: {meaning}.",
    FillerVerdict.UNKNOWN: "is no microcrystalline cellulose ({meaning}): absorption and release may change.",
    FillerVerdict.OVERRIDE: "is {meaning}: only by a pharmacist's override with an allergy check.",
}


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per request for its filler, and one per allergen that it contains."""
    return [
        decision
        for request in requests(context.chart.compounding)
        for decision in (*_of_filler(context, request), *_of_allergens(context, request))
    ]


def _of_filler(context: RuleContext, request: CompoundRequest) -> list[Decision]:
    other = [
        filler for filler in context.catalogue.compounding.fillers(request) if filler.verdict is not FillerVerdict.FINE
    ]
    if not other:
        return []
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(Entry(request), request.occurred),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            requires_confirmation=all(filler.verdict is FillerVerdict.OVERRIDE for filler in other),
            explain=partial(_explain_filler, context, request, other),
        )
    ]


def _of_allergens(context: RuleContext, request: CompoundRequest) -> list[Decision]:
    return [
        Decision(
            rule=RULE.id,
            anchor=Event(Entry(request), request.occurred),
            counterpart=source.allergen,
            counterpart_key=("allergen", source.allergen),
            severity=Severity.MAJOR,
            display=Display.INTERRUPTIVE,
            requires_confirmation=True,
            explain=partial(_explain_allergen, request, source, allergies),
        )
        for source in context.catalogue.compounding.allergens(request)
        if (allergies := context.patient.allergies([source.allergen]))
    ]


def _explain_filler(context: RuleContext, request: CompoundRequest, other: list[Filler]) -> Explanation:
    allergens = {source.allergen for source in context.catalogue.compounding.allergens(request)}
    allergic = sorted(allergen for allergen in allergens if context.patient.allergies([allergen]))
    sentences = [f"{request_text(request)}: filler {filler.text} {_verdict_text(filler)}" for filler in other]
    if allergic:
        sentences.append(f"An allergy is on record ({', '.join(allergic)}): look at it before any override.")
    return Explanation(
        sentences=[*sentences, "The filler with evidence is microcrystalline cellulose."],
        basis=[BasisItem(BasisRole.DEFICIENT, request_text(request), None, Entry(request))],
        sources=[source for filler in other for source in filler.sources],
        evidence_level=EvidenceLevel.REFERENCE_LIST,
    )


def _verdict_text(filler: Filler) -> str:
    return _TEXT[filler.verdict].format(meaning=filler.meaning)


def _explain_allergen(
    request: CompoundRequest, source: AllergenSource, allergies: tuple[PatientFact, ...]
) -> Explanation:
    named = ", ".join(dict.fromkeys(fact.value for fact in allergies))
    return Explanation(
        sentences=[
            f"{request_text(request)} brings {source.allergen} ({source.by}); on record is an allergy: {named}.",
            "Bulk powder brings no excipients of tablets; capsule shells are of gelatin or hypromellose.",
        ],
        actions=[f"Check the allergy with the patient; leave {source.allergen} out or document an override"],
        basis=[
            BasisItem(BasisRole.DEFICIENT, request_text(request), None, Entry(request)),
            *(BasisItem(BasisRole.PATIENT, "allergy", None, Entry(fact)) for fact in allergies),
        ],
        sources=source.sources,
        evidence_level=EvidenceLevel.LABEL,
    )


RULE = Rule("CP-01", Family.COMPOUNDING, needs=(FactBits.COMPOUNDING,), decide=decide)
