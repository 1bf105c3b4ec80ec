"""Read the figures: shared ones from the tables of the clinical core, the others from the service's own table."""

from importlib.resources import files

from rx_clinical.catalogue.tables import Tables

from rx_compounding.domain.figures import SHARED_ROWS, Figure, Figures, field_name, figure, read_figures


def shipped_figures() -> Figures:
    """Return the figures of the shipped tables. Raises ValueError, naming table and row, if a table is malformed."""
    own = (files("rx_compounding") / "tables" / "arithmetic.csv").read_text(encoding="utf-8")
    return read_figures(own, shared_figures(Tables()))


def shared_figures(tables: Tables) -> dict[str, Figure]:
    """Return the rows of policy.csv that the arithmetic uses, by field name. Raises TableError."""
    return {
        field_name(name, row.text("unit")): figure(name, row.decimal("value"), tables.sources_of(row))
        for row in tables.rows("policy.csv")
        if (name := row.required("name")) in SHARED_ROWS
    }
