"""What the latency bench sends is what a pharmacy system may send, and its probes are cases that alert."""

from datetime import UTC, datetime

import pytest
from pharmacy.events.v1.event_pb2 import Event
from rx_clinical import History, assess
from rx_contracts.edge.event import parse_event
from rx_contracts.wire import event_facts

from bench import latency
from bench.medicines import PRODUCTS, Group
from bench.workload import Fills

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("product", [product for products in PRODUCTS.values() for product in products])
def test_every_event_is_one_that_the_edge_takes(product):
    event = parse_event(latency._event("e-1", "p-1", product, AT))
    assert (event.event_id, event.patient.value, event.occurred_time) == ("e-1", "p-1", AT)
    assert event.medicine.text == product.text


def test_a_probe_is_a_case_that_alerts(catalogue):
    ten_days_s = 10 * 86_400
    fills, at = Fills(catalogue), int(AT.timestamp())
    places = {
        group: next(place for place, one in enumerate(PRODUCTS[group]) if one is product)
        for group, product in ((Group.OPIOID, latency._METHADONE), (Group.ANTAGONIST, latency._LDN))
    }
    records = [
        fills.record(
            b"relevant", b"p" * 16, group, group=group, product=place, occurred_s=at - before, recorded_s=at - before
        )
        for (group, place), before in zip(places.items(), (ten_days_s, 0), strict=True)
    ]
    facts = event_facts.history_facts(Event.FromString(record.value) for record in records)
    rules = {finding.rule for finding in assess(History(facts=tuple(facts)), catalogue).findings}
    assert "WR-02" in rules or "WR-01" in rules
