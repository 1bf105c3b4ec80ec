"""A rule file that cannot be asked is refused when the rules are loaded, and the message names the file."""

from types import ModuleType

import pytest
from rx_clinical.catalogue.roles import FactBits
from rx_clinical.rules import RULES, applicable_rules, may_fire
from rx_clinical.rules.registry import RuleError, collect, rule_modules
from rx_clinical.rules.rule import Family, Rule


def module(name: str = "rx_clinical.rules.ldn.ld_11", **changes: object) -> ModuleType:
    """A rule file; `changes` replace arguments of its rule."""
    made = ModuleType(name)
    arguments = {"id": "LD-11", "family": Family.LDN, "needs": (FactBits.ANTAGONIST,), "decide": lambda _: []}
    made.RULE = Rule(**(arguments | changes))
    return made


def refusal(*modules: ModuleType) -> str:
    with pytest.raises(RuleError) as refused:
        collect(modules)
    return str(refused.value)


def test_every_rule_file_is_collected_once_in_order_of_the_ids():
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert len(ids) == 45
    assert {rule.family for rule in RULES} == set(Family)


def test_a_rule_file_is_collected():
    first, second = module(), module("rx_clinical.rules.ldn.ld_12", id="LD-12")
    assert [rule.id for rule in collect([second, first])] == ["LD-11", "LD-12"]


def test_a_file_without_a_rule_is_refused():
    assert refusal(ModuleType("rx_clinical.rules.ldn.ld_11")).endswith("ldn.ld_11: has no RULE = Rule(...)")


def test_an_id_that_does_not_fit_its_file_is_refused():
    message = "rx_clinical.rules.ldn.ld_11: holds rule 'LD-12'; the id and the file name must agree"
    assert refusal(module(id="LD-12")) == message


def test_an_unknown_family_is_refused():
    name = "rx_clinical.rules.herbs.hb_01"
    message = f"{name}: 'herbs' is no family; name it in Family, or move the file"
    assert refusal(module(name, id="HB-01")) == message


def test_a_rule_in_the_package_of_another_family_is_refused():
    assert refusal(module(family=Family.SURGERY)).endswith("the family is 'surgery', the package is 'ldn'")


@pytest.mark.parametrize("needs", [(), (0,), (1 << 40,), (FactBits.ANTAGONIST, 0)])
def test_needs_that_name_no_facts_are_refused(needs):
    assert "must be masks of FactBits, at least one" in refusal(module(needs=needs))


def test_a_forgotten_needs_is_refused(tmp_path, monkeypatch):
    family = tmp_path / "planted_rules" / "ldn"
    family.mkdir(parents=True)
    (tmp_path / "planted_rules" / "__init__.py").touch()
    (family / "__init__.py").touch()
    (family / "helpers.py").write_text("raise AssertionError('not a rule file')\n")
    (family / "ld_11.py").write_text(
        "from rx_clinical.rules.rule import Family, Rule\nRULE = Rule('LD-11', Family.LDN, decide=lambda context: [])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(RuleError, match=r"planted_rules\.ldn\.ld_11: .* missing 1 required .* argument: 'needs'"):
        list(rule_modules("planted_rules", [str(tmp_path / "planted_rules")]))


@pytest.mark.parametrize(
    ("bits", "rules"),
    [
        (FactBits.FULL, set()),
        (FactBits.PATIENT | FactBits.PARTNER | FactBits.GUT_OPIOID | FactBits.PROCEDURE, set()),
        (FactBits.FULL | FactBits.PARTIAL, {"PA-01"}),
        (FactBits.MIXED | FactBits.PARTIAL, {"PA-02"}),
        (FactBits.PROLONGING | FactBits.MIXED, {"PK-01"}),
        (FactBits.ANTAGONIST, {"CP-06", "CP-08", "LD-07", "LD-10"}),
        (FactBits.LATE, {"DQ-05"}),
    ],
)
def test_the_rules_that_facts_call_for_follow_from_needs(bits, rules):
    assert {rule.id for rule in applicable_rules(bits)} == rules
    assert may_fire(bits) is bool(rules)
