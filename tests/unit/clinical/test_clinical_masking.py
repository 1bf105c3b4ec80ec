"""What another site may read of an opioid from a restricted source: that there is one, and no more."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.model.facts import Medicine, Moment, Stop
from rx_contracts.wire.finding_messages import finding_document

from tests.lib.clinical.kit import at, envelope, fill, ldn, medicine, methadone, oxycodone, report

USED = report(
    "R1",
    at("2026-03-01T09:00"),
    methadone(None),
    kind="history",
    site="programme",
    source_kind="OPIOID_TREATMENT_PROGRAM",
    started=Moment.instant(at("2026-01-01T09:00")),
)
STOPPED = Stop(refers_to=USED.key, **envelope("R2", at("2026-03-20T09:00"), site="programme"))
EMBEDA = Medicine(product_code="863849", ingredients=("7052", "7243"), text="Embeda 20/0.8", days_supply=Decimal(30))


@pytest.mark.parametrize(
    ("rule", "product"),
    [
        ("HN-02", EMBEDA),
        ("IN-01", medicine("85762", text="ritonavir", days="30", route="oral")),
    ],
)
def test_another_site_reads_no_name(catalogue, rule, product):
    facts = [USED, STOPPED, fill("X", at("2026-03-10T09:00"), product, site="pharmacy")]
    (found,) = [one for one in assess(History(facts=facts), catalogue).findings if one.rule == rule]
    read = json.dumps(
        [
            finding_document(found)["text"],
            [(one.name, one.form_key, one.event_id, one.site) for one in found.basis if one.event_id != "X"],
        ]
    )
    assert "methadone" not in read.lower()
    assert "programme" not in read


def test_who_names_no_site_is_another_site(catalogue):
    facts = [replace(fact, site="") for fact in (USED, STOPPED, fill("L", at("2026-04-01T09:00"), ldn()))]
    (found,) = [one for one in assess(History(facts=facts), catalogue).findings if one.rule == "WR-02"]
    assert found.counterpart == "restricted_source"
    assert "methadone" not in json.dumps(finding_document(found)).lower()


def test_sources_do_not_tell_the_name(catalogue):
    facts = [USED, STOPPED, fill("L", at("2026-04-01T09:00"), ldn(), site="pharmacy")]
    (found,) = [one for one in assess(History(facts=facts), catalogue).findings if one.rule == "WR-02"]
    assert set(found.sources) <= set(catalogue.rules["WR-02"].sources)


def test_the_sources_of_an_opioid_beside_it_are_still_named(catalogue):
    lasting_longer = fill("O", at("2026-03-10T09:00"), oxycodone("30"), site="pharmacy")
    facts = [USED, STOPPED, lasting_longer, fill("L", at("2026-04-01T09:00"), ldn(), site="pharmacy")]
    (found,) = [
        one for one in assess(History(facts=facts), catalogue).findings if one.counterpart == "restricted_source"
    ]
    assert [line.ingredient for line in found.arithmetic] == ["opioid, restricted source", "oxycodone"]
    assert not set(catalogue.drugs["oxycodone_ir"].sources) <= set(catalogue.rules[found.rule].sources)
    assert set(catalogue.drugs["oxycodone_ir"].sources) <= set(found.sources)
