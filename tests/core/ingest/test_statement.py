"""One spelling of SQL, two drivers."""

import pytest

from botyard.core.ingest.statement import prepare


@pytest.mark.parametrize(
    ("sql", "translated"),
    [
        ("SELECT :a, :b_2", "SELECT %(a)s, %(b_2)s"),
        ("SELECT :a::text", "SELECT %(a)s::text"),
        ("SELECT ':a'", "SELECT ':a'"),
        ("SELECT 'it''s :a', :b", "SELECT 'it''s :a', %(b)s"),
        ('SELECT ":a" FROM t', 'SELECT ":a" FROM t'),
        ("SELECT 1 -- :a\n, :b", "SELECT 1 -- :a\n, %(b)s"),
        ("SELECT 5 % 2, 'a%' LIKE :a", "SELECT 5 %% 2, 'a%%' LIKE %(a)s"),
        ("SELECT x[1:2]", "SELECT x[1:2]"),
    ],
)
def test_parameters_are_translated_and_nothing_else(sql: str, translated: str) -> None:
    assert prepare(sql, postgres=True).text == translated
    assert prepare(sql, postgres=False).text == sql


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", True),
        ("\n  select 1", True),
        ("UPDATE t SET a = 1 RETURNING a", False),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", False),
    ],
)
def test_what_can_write_is_not_taken_for_reading(sql: str, reads: bool) -> None:
    assert prepare(sql, postgres=True).reads is reads
