"""Medicines whose effect low-dose naltrexone changes: ldn_partners.csv."""

from dataclasses import dataclass

from rx_clinical.catalogue.tables import Tables
from rx_clinical.model.codes import RxNormCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A row of ldn_partners.csv: a medicine whose effect low-dose naltrexone changes."""

    code: RxNormCode  # of an ingredient
    name: str
    group: str  # thyroid transplant immunosuppressant methotrexate
    local_forms: bool  # also sold for skin, eye or ear
    sources: tuple[str, ...]


def load_partners(tables: Tables) -> dict[RxNormCode, Partner]:
    """Return ldn_partners.csv by ingredient code."""
    groups = ("thyroid", "transplant", "immunosuppressant", "methotrexate")
    return tables.keyed(
        "ldn_partners.csv",
        lambda row: (
            RxNormCode(row.required("code")),
            Partner(
                code=RxNormCode(row.required("code")),
                name=row.required("name"),
                group=row.one_of("group", *groups),
                local_forms=bool(row.text("local_forms")),
                sources=tables.sources_of(row),
            ),
        ),
    )
