"""Every error code that the source raises is registered as it is raised, and none is registered for nothing."""

import pytest
from rx_contracts.error_codes import STATUSES, ErrorKind, error_codes, parse
from rx_runtime.errors import (
    DependencyUnavailable,
    ExitCode,
    InvalidInput,
    InvalidSettings,
    NotFound,
    RefusedToRun,
    RxGuardError,
)
from rx_runtime.grpc_server import STATUS

from tests.lib.error_code_scan import raised_codes

RAISED = raised_codes()
CLASSES = {
    ErrorKind.INPUT: InvalidInput,
    ErrorKind.NOT_FOUND: NotFound,
    ErrorKind.SETTINGS: InvalidSettings,
    ErrorKind.DEPENDENCY: DependencyUnavailable,
    ErrorKind.REFUSED: RefusedToRun,
    ErrorKind.DEFECT: RxGuardError,
}
HEAD = "code,kind,raised_by,meaning,remedy\n"


def test_every_code_that_is_raised_is_registered():
    assert {found.code for found in RAISED} - {row.code for row in error_codes()} == set()


def test_every_code_that_is_registered_is_raised():
    assert {row.code for row in error_codes()} - {found.code for found in RAISED} == set()


@pytest.mark.parametrize("row", error_codes(), ids=lambda row: row.code)
def test_a_code_is_registered_with_the_kinds_and_components_that_raise_it(row):
    raised = [found for found in RAISED if found.code == row.code]

    assert set(row.kinds) == {found.kind for found in raised}
    assert set(row.raised_by) == {found.component for found in raised}


@pytest.mark.parametrize(("kind", "error"), CLASSES.items())
def test_the_statuses_are_those_of_the_error_tree(kind, error):
    exit_code, grpc_status = STATUSES[kind]

    assert ExitCode(exit_code) is error.exit_code
    if grpc_status is not None:
        assert grpc_status == (STATUS[error].name if error in STATUS else "INTERNAL")


@pytest.mark.parametrize(
    "rows",
    [
        "A_B,input,alerts,m,r\nA_B,input,alerts,m,r\n",
        "B_C,input,alerts,m,r\nA_B,input,alerts,m,r\n",
        "a_b,input,alerts,m,r\n",
        "A_B,input,nobody,m,r\n",
        "A_B,input,alerts;alerts,m,r\n",
        "A_B,wrong,alerts,m,r\n",
        "A_B,input,alerts,,r\n",
        "A_B,input,alerts,m,\n",
    ],
)
def test_a_malformed_row_is_refused(rows):
    with pytest.raises(ValueError):  # noqa: PT011  # each row breaks another way
        parse(HEAD + rows)
