"""Write the skeleton of a rule: its file, its row in rules.csv, a scenario and its page. `make rule ID=LD-11` runs it.

The skeleton loads and its page generates. The tests refuse it until it is filled: its timeline and its scenario expect
a finding that it does not raise, and it says TODO.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.generate_rules import write_pages
from tools.rule_text import ROOT, RULES, TABLES, rows_of, rule_files

_RULE_ID = re.compile(r"[A-Z]{2}-\d{2}")

_FILE = '''"""{rule_id}: TODO one line that says what meets what.

When   TODO the conditions, in the words of the guideline
  and  TODO one line a condition
Then   info on the profile: TODO what the person at work should do
Source POLICY
Needs  TODO what must be recorded; parts are separated by semicolons
Cannot see TODO what the records never show
Reasons none of its own

Cases
| case                                 | severity | display |
|--------------------------------------|----------|---------|
| TODO one line a severity and display | info     | profile |

Timeline
| time             | event                        | finding    |
|------------------|------------------------------|------------|
| 2026-03-01 09:00 | fill ntx_ldn 4.5 mg, 30 days | {rule_id} info |
"""

from rx_clinical.catalogue.roles import FactBits
from rx_clinical.findings.decisions import Decision
from rx_clinical.history.context import RuleContext
from rx_clinical.rules.rule import Family, Rule


def decide(_: RuleContext) -> list[Decision]:
    """Return one decision per TODO."""
    return []


RULE = Rule(
    "{rule_id}",
    Family.{family},
    needs=(FactBits.ANTAGONIST,),  # TODO: the facts without which the rule cannot fire
    decide=decide,
)
'''

_SCENARIO = """# {rule_id}: its edges, minute by minute. The format is described at the head of ../scenarios_public.yaml.
version: 2
conventions:
  time: UTC
  day_hours: 24
  k_half_lives: 5
  floor_hours: 336
  horizon_days: 400
  fires_when: antagonist time < earliest start (equal is allowed)
  extra_alerts_allowed: []
scenarios:
- id: {prefix}{number}-1
  title: "TODO what happens, in one line"
  facts:
  - {{type: fill, at: 2026-02-01T09:00Z, product: "compounded LDN 4.5 mg capsule", ingredients: [7243], form_key: ntx_ldn, daily_dose_mg: 4.5, days_supply: 30}}
  expected_alerts:
  - {{rule: {rule_id}, severity: info, earliest_safe_start: null, display: profile}}
  must_not_raise: []
  arithmetic: "TODO the figures, worked out by hand"
  source: [POLICY]
"""  # noqa: E501  # a fact is one line, as in every scenario file

_ROW = "{rule_id},{family},TODO,info,profile,course,null,TODO,TODO,POLICY\n"

_NEXT = """{rule_id} is written, and tests refuse it until it is filled:
  {file}
  shared/clinical/src/rx_clinical/tables/rules.csv
  {scenario}
Then raise ruleset_seq.txt by one, run `make docs` and `pytest tests/spec tests/contract/test_rule_pages.py`."""


class NewRuleError(ValueError):
    """The rule cannot be written; the message says why."""


def family_of(rule_id: str) -> tuple[str, str]:
    """Return package and family (of rules.csv) of a new rule. Raises NewRuleError."""
    if not _RULE_ID.fullmatch(rule_id):
        raise NewRuleError(f"{rule_id!r} is no rule id: two capital letters, a hyphen, two digits, such as LD-11")
    packages = {path.stem[:2].upper(): path.parent.name for path in rule_files()}
    if rule_id[:2] not in packages:
        known = ", ".join(f"{prefix} ({packages[prefix]})" for prefix in sorted(packages))
        raise NewRuleError(f"{rule_id[:2]} is no family of rules; known are {known}")
    families = {row["rule_id"]: row["family"] for row in rows_of("rules.csv")}
    if rule_id in families or _rule_file(packages[rule_id[:2]], rule_id).exists():
        raise NewRuleError(f"{rule_id} exists already")
    if any(row["code"] == rule_id for row in rows_of("reason_codes.csv")):
        raise NewRuleError(f"{rule_id} was the id of a retired rule; take another number")
    return packages[rule_id[:2]], next(families[known] for known in families if known[:2] == rule_id[:2])


def _rule_file(package: str, rule_id: str) -> Path:
    return RULES / package / f"{rule_id.replace('-', '_').lower()}.py"


def write_rule(rule_id: str) -> str:
    """Write the four parts, and return what to do next. Raises NewRuleError."""
    package, family = family_of(rule_id)
    file = _rule_file(package, rule_id)
    scenario = ROOT / "tests" / "spec" / package / f"{file.stem}.yaml"
    prefix, _, number = rule_id.partition("-")
    file.write_text(_FILE.format(rule_id=rule_id, family=package.upper()), encoding="utf-8")
    scenario.parent.mkdir(parents=True, exist_ok=True)
    scenario.write_text(_SCENARIO.format(rule_id=rule_id, prefix=prefix, number=number), encoding="utf-8")
    _add_row(TABLES / "rules.csv", prefix, _ROW.format(rule_id=rule_id, family=family))
    write_pages()
    return _NEXT.format(rule_id=rule_id, file=file.relative_to(ROOT), scenario=scenario.relative_to(ROOT))


def _add_row(path: Path, prefix: str, row: str) -> None:
    """Add the row behind the last rule of the same prefix; every other byte stays."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.startswith(f"{prefix}-"))
    path.write_text("".join([*lines[: last + 1], row, *lines[last + 1 :]]), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the skeleton of the rule that the argument names; return the exit code."""
    try:
        print(write_rule(arguments[0] if arguments else ""))
    except NewRuleError as error:
        print(f"make rule: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
