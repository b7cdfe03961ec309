"""dbt models, without dbt."""

import pytest

from assets.lineage import resolve


def test_refs_and_sources_are_tables() -> None:
    """`ref` is a table of the model's name, `source` one of a schema; the model itself is not its own source."""
    found = resolve(
        """
        {{ config(materialized='incremental', unique_key='id') }}
        with o as (select * from {{ ref('stg_orders') }}), c as (select * from {{ source('crm', 'contacts') }})
        select o.id, c.name from o join c using (id)
        {% if is_incremental() %} where o.id > (select max(id) from {{ this }}) {% endif %}
        """,
        dialect="postgres",
    )
    assert found.refs == ("stg_orders",)
    assert found.dbt_sources == (("crm", "contacts"),)
    assert [str(table) for table in found.sources] == ["stg_orders", "crm.contacts"]
    assert [str(source) for source in found.columns[1].sources] == ["crm.contacts.name"]
    assert (found.status, found.unresolved) == ("parsed", ())
    assert [str(table) for each in found.statements for table in each.sources] == ["stg_orders", "crm.contacts"]


@pytest.mark.parametrize(
    ("template", "refs"),
    [
        ("select * from {{ ref('pkg', 'm') }}", {"m"}),
        ("select * from {{ ref('m', v=2) }}", {"m"}),
        ("{% set m = 'a' ~ '_b' %} select * from {{ ref(m) }}", {"a_b"}),
        (
            "{% for m in ['a', 'b'] %} select * from {{ ref(m) }} {{ 'union all' if not loop.last }} {% endfor %}",
            {"a", "b"},
        ),
        ("{% set m = {'x': 'a'} %} select * from {{ ref(m.x) }}", {"a"}),
        ("{% set all = [] %}{% do all.append(ref('a')) %} select 1", {"a"}),
        (
            "{% if var('on', false) %} {{ ref('a') }} {% else %} {{ ref('b') }} {% endif %}",
            {"a", "b"},
        ),
        ("{% if false %} {{ ref('a') }} {% else %} {{ ref('b') }} {% endif %}", {"b"}),
        ("-- depends_on: {{ ref('a') }}\nselect 1", {"a"}),
        ("{# {{ ref('a') }} #} select 1", set()),
        ("{% raw %} {{ ref('a') }} {% endraw %}", set()),
        ("{% macro m(t) %} select * from {{ ref(t) }} {% endmacro %} {{ m('a') }}", {"a"}),
        ("{% snapshot s %} select * from {{ ref('a') }} {% endsnapshot %}", {"a"}),
        ("{{ star(from=ref('a')) }}", {"a"}),
        ("select * from {{ ref('a') }} where {{ oops", {"a"}),
    ],
)
def test_which_refs_a_template_makes(template: str, refs: set[str]) -> None:
    """Names count that the template alone tells: literals, variables, loops, both branches of an unknown condition."""
    assert set(resolve(template).refs) == refs


@pytest.mark.parametrize(
    ("template", "unresolved"),
    [
        ("{{ union_everything('crm') }}", "union_everything('crm')"),
        ("select * from {{ var('table_name') }}", "var('table_name')"),
        ("select * from {{ ref(name) }}", "ref(…)"),
        ("with a as ({{ helpers.rows(1, 2) }}) select * from a", "helpers.rows(…)"),
    ],
)
def test_what_only_dbt_knows_is_said(template: str, unresolved: str) -> None:
    """Jinja that may stand for a table is named as unresolved, and the answer is not called whole."""
    found = resolve(template)
    assert found.unresolved == (unresolved,)
    assert found.status != "parsed"
    assert found.confidence < 0.6


def test_harmless_macros_are_not_unresolved() -> None:
    """A macro in the place of a value or a type hides no table."""
    found = resolve("select {{ dbt.current_timestamp() }}, cast(a as {{ dbt.type_string() }}) from {{ ref('m') }}")
    assert (found.unresolved, found.status) == ((), "parsed")


@pytest.mark.parametrize(
    "template",
    [
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in [1, 2, 3, 4, 5, 6, 7, 8] %}" * 20 + "{% endfor %}" * 20,
        "{% if x %}" * 3000 + "{% endif %}" * 3000,
        "{{ ().__class__.__mro__[1].__subclasses__() }}",
    ],
    ids=["doubling", "recursion", "loops", "nesting", "escape"],
)
def test_hostile_templates_end(template: str) -> None:
    """Nothing of a template is executed, and none takes longer than it may."""
    assert resolve(template, time_limit_s=0.5).refs == ()
