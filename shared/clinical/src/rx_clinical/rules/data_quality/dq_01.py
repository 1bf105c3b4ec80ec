"""DQ-01: days supply missing.

When   a fill of an opioid, of an oral antagonist or of an interacting medicine states no days supply
  and  it is neither a depot nor a patch with a count
Then   info on the profile: the possible end assumes 30 days; orders are not asked for it
Source POLICY
Needs  fills with days supply or a count of patches
Cannot see what the source knows and did not send
Reasons SUPPLY_END_ASSUMED

Cases
| case                                                                                 | severity | display |
|--------------------------------------------------------------------------------------|----------|---------|
| no days supply on a fill of an opioid, an oral antagonist or an interacting medicine | info     | profile |
| orders, depots, rescue naloxone, patches with a count                                | none     | -       |

Timeline
| time             | event                  | finding    |
|------------------|------------------------|------------|
| 2026-03-01 09:00 | fill oxycodone_ir      | DQ-01 info |
| 2026-03-02 09:00 | order codeine          |            |
| 2026-03-03 09:00 | fill bup_td, 4 patches |            |
| 2026-03-04 09:00 | fill ntx_depot         |            |
"""

from functools import partial

from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.catalogue.policy import Policy
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision, Explanation
from rx_clinical.findings.wording import days_text
from rx_clinical.history.chart import Entry, is_depot
from rx_clinical.history.context import RuleContext
from rx_clinical.history.exposure_period import stated_supply
from rx_clinical.model.facts import Fill
from rx_clinical.model.findings import Display, Severity
from rx_clinical.model.reasons import Reason
from rx_clinical.rules.data_quality.engine import decide_entries, explain_entry
from rx_clinical.rules.rule import Family, Rule


def applies(entry: Entry, catalogue: Catalogue) -> bool:
    """Return True for a fill that matters to the rules and whose supply has no stated length."""
    roles = entry.roles
    if not isinstance(entry.fact, Fill) or entry.medicine.days_supply is not None or is_depot(roles):
        return False
    changes = any(catalogue.classifier.changes_opioids(code) for code in roles.precipitant_codes)
    if not (roles.opioids or roles.antagonist or changes):
        return False
    patch_hours = next((opioid.form.hours_per_patch for opioid in roles.opioids), None)
    return stated_supply(entry.medicine, patch_hours) is None


def decide(context: RuleContext) -> list[Decision]:
    """Return one decision per fill."""
    entries = (entry for entry in context.entries() if applies(entry, context.catalogue))
    return decide_entries(RULE.id, entries, Severity.INFO, Display.PROFILE, partial(_explain, context.catalogue.policy))


def _explain(policy: Policy, entry: Entry) -> Explanation:
    name = entry.medicine.text or "the medicine"
    assumed = days_text(policy.assumed_supply)
    sentences = [f"Days supply is missing for {name}: its end is taken to be up to {assumed} days after the fill."]
    return explain_entry(entry, name, sentences, {Reason.SUPPLY_END_ASSUMED})


RULE = Rule("DQ-01", Family.DATA_QUALITY, needs=(FactBits.DEFICIENT,), decide=decide)
