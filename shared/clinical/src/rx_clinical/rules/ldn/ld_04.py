"""LD-04: naltrexone and a diseased liver.

When   naltrexone of any dose is supplied and liver disease is on record at some time of the supply: the worst of what
       no later record has taken back before
Then   contraindicated and interruptive for acute hepatitis, liver failure and decompensated cirrhosis (older label);
       moderate, in the worklist, for other liver disease
Source NTX2 (exposure 5-fold in compensated, 10-fold in decompensated cirrhosis), NTX4, LDN2
Needs  supply of naltrexone; liver disease on record, in words
Cannot see liver tests; disease that nobody recorded; how far an exposure rises in this patient
Reasons -

Cases
| case                                                    | severity        | display      |
|---------------------------------------------------------|-----------------|--------------|
| acute hepatitis, liver failure, decompensated cirrhosis | contraindicated | interruptive |
| other liver disease                                     | moderate        | queue        |

Timeline
| time             | event                               | finding               |
|------------------|-------------------------------------|-----------------------|
| 2026-03-01 09:00 | fact liver: hepatitis C             |                       |
| 2026-03-10 09:00 | fill ntx_oral 50 mg, 30 days        | LD-04 moderate        |
| 2026-03-20 09:00 | fact liver: decompensated cirrhosis | LD-04 contraindicated |
"""

from functools import partial

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import BasisItem, Decision, Explanation
from rx_clinical.history.chart import Entry
from rx_clinical.history.context import RuleContext
from rx_clinical.model.codes import EvidenceLevel
from rx_clinical.model.facts import PatientFact
from rx_clinical.model.findings import BasisRole, Display, Severity
from rx_clinical.rules.ldn.engine import Intake, intakes
from rx_clinical.rules.rule import Family, Rule


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per supply, by the worst liver disease on record."""
    return [
        _decision(intake, facts, failing=any(context.patient.terms.mean("liver_failure", fact.value) for fact in facts))
        for intake in intakes(context)
        if (facts := context.patient.standing("liver", intake.at, intake.until))
    ]


def _decision(intake: Intake, facts: tuple[PatientFact, ...], *, failing: bool) -> Decision:
    return Decision(
        rule=RULE.id,
        anchor=intake.event,
        counterpart="liver",
        counterpart_key=("liver", ""),
        severity=Severity.CONTRAINDICATED if failing else Severity.MODERATE,
        display=Display.INTERRUPTIVE if failing else Display.QUEUE,
        explain=partial(_explain, intake, facts),
    )


def _explain(intake: Intake, facts: tuple[PatientFact, ...]) -> Explanation:
    known = ", ".join(dict.fromkeys(fact.value for fact in facts))
    return Explanation(
        sentences=[
            (
                f"{intake.text} with liver disease on record ({known}): exposure rises about 5-fold in compensated "
                "and 10-fold in decompensated cirrhosis; acute hepatitis and liver failure are contraindications of "
                "the older label."
            ),
            "Liver tests at baseline, then every 3-6 months.",
        ],
        basis=[*intake.basis, *(BasisItem(BasisRole.PATIENT, "liver", None, Entry(fact)) for fact in facts)],
        evidence_level=EvidenceLevel.LABEL,
    )


RULE = Rule("LD-04", Family.LDN, needs=(FactBits.ANTAGONIST, FactBits.PATIENT), decide=decide)
