"""The page, as a person uses it: looked at, searched, clicked, walked by keys, and shared."""

from itertools import combinations
from typing import Any

import pytest

from assets.catalog.model import Catalog
from tests.browser.catalogs import Builder, circles, shop
from tests.browser.conftest import Look, at

ORDERS = "warehouse/table/shop.orders"
DAILY = "warehouse/table/marts.orders_daily"


# An edge is a chain of quadratic curves that meet half way between its control points.
EDGES_AND_WHAT_THEY_CROSS = """cy.edges().map(edge => {
  const [first, last, bends] = [edge.sourceEndpoint(), edge.targetEndpoint(), edge.controlPoints()];
  const between = (a, b, share) => ({ x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share });
  const joints = bends.slice(1).map((bend, number) => between(bends[number], bend, 0.5));
  const points = bends.flatMap((bend, number) => [0.1, 0.3, 0.5, 0.7, 0.9].map(share => between(
    between(joints[number - 1] ?? first, bend, share), between(bend, joints[number] ?? last, share), share)));
  const crossed = cy.nodes('.box').filter(box => {
    const { x1, y1, x2, y2 } = box.boundingBox({ includeLabels: false, includeOverlays: false });
    return points.some(({ x, y }) => x > x1 && x < x2 && y > y1 && y < y2);
  });
  const name = `${edge.source().data('label')} > ${edge.target().data('label')}`;
  return { name, source: first, target: last, crosses: crossed.map(box => box.data('label')) };
})"""


def titles(page: Any) -> list[str]:
    found: list[str] = page.locator(".results .result-title bdi").all_inner_texts()
    return found


def test_the_page_opens_from_disk_and_says_what_there_is(shop_page: Look) -> None:
    """Opened as a file, with no request, it shows the numbers and the resources, and hides what a source hides."""
    page = shop_page.open()
    assert page.locator(".tile").first.inner_text().split() == ["6", "Tables"]
    assert "orders_daily" in titles(page)
    assert "Draft of a chart" not in titles(page)
    page.get_by_label("Hidden by their source").check()
    assert "Draft of a chart" in titles(page)


def test_a_search_finds_tables_columns_and_dashboards(shop_page: Look) -> None:
    """What is typed is looked for in titles, ids, descriptions and column names, and the nearest title is first."""
    page = shop_page.open()
    page.get_by_role("searchbox").fill("orders")
    assert titles(page)[0] == "orders"
    page.get_by_role("searchbox").fill("revenue")
    assert "Revenue, week by week" in titles(page)
    assert "revenue" in titles(page)  # the column
    assert "orders_daily" in titles(page)  # by its column
    page.get_by_role("searchbox").fill("mondays")
    assert titles(page) == ["Revenue, week by week"]
    page.get_by_role("searchbox").fill("shop.cust")
    assert titles(page)[0] == "customers"
    page.get_by_role("searchbox").fill("no such thing")
    page.get_by_text("Nothing matches.").wait_for()


def test_filters_leave_what_was_chosen_and_count(shop_page: Look) -> None:
    """A source and a type, clicked, are both needed; each shows how many it would leave."""
    page = shop_page.open()
    page.get_by_label("superset", exact=False).check()
    assert set(titles(page)) >= {"Revenue, week by week", "Retention", "Customers at risk"}
    assert "orders" not in titles(page)
    chart = page.locator("label.choice", has_text="Charts")
    assert chart.locator(".number").inner_text() == "3"
    chart.click()
    assert sorted(titles(page)) == ["Customers at risk", "Orders per day", "Revenue by country"]
    page.get_by_text("Clear filters").click()
    assert "orders" in titles(page)


def test_a_table_shows_its_columns_in_order_and_where_they_come_from(shop_page: Look) -> None:
    """Names, keys, types, descriptions and the columns upstream, as the catalog has them."""
    page = shop_page.open()
    page.get_by_role("searchbox").fill("orders_daily")
    page.locator(".result").first.click()
    assert page.locator("h1").inner_text() == "orders_daily"
    rows = page.locator(".columns tbody tr")
    cells = [[cell.inner_text().strip() for cell in row.locator("th,td").all()] for row in rows.all()]
    assert [row[:3] for row in cells] == [
        ["day\nprimary key", "DATE", "UTC."],
        ["country", "VARCHAR", "Where the customer lives."],
        ["orders", "BIGINT", "How many."],
        ["revenue", "DECIMAL(38,2)", "In euro, without cancelled orders."],
    ]
    assert cells[3][3].split() == ["orders.amount", "orders.status"]
    facts = page.locator(".facts").inner_text()
    for fact in ("Finance", "2026-11-20 05:12 UTC", "41,907", "marts.orders_daily"):
        assert fact in facts
    assert "JOIN shop.customers c ON" in page.locator(".code pre").inner_text()
    page.get_by_role("link", name="orders.amount").click()
    assert page.locator("h1").inner_text() == "amount"


def test_nested_columns_follow_the_one_that_they_are_in(shop_page: Look) -> None:
    """A column of a column stands right below it."""
    page = shop_page.open(at(ORDERS))
    names = page.locator(".columns tbody th bdi").all_inner_texts()
    assert names == ["id", "customer_id", "placed_at", "amount", "status", "address", "city", "zip"]
    assert page.locator(".description").first.inner_text().split("\n")[1].startswith("Cancelled ones stay")


def test_a_dashboard_shows_its_charts(shop_page: Look) -> None:
    """What a resource holds is listed on its page, without what its source hides being forgotten."""
    page = shop_page.open(at("superset/dashboard/12"))
    assert titles(page) == ["Revenue by country", "Orders per day", "Draft of a chart"]


def test_the_graph_has_the_neighbours_within_the_chosen_depth(shop_page: Look) -> None:
    """Nodes and edges follow the depth, upstream and downstream by themselves."""
    page = shop_page.open(at(ORDERS))
    page.get_by_role("link", name="Lineage", exact=True).click()
    assert "Revenue by country" in shop_page.names(".box")
    page.locator("#down").select_option("1")
    assert shop_page.names(".box") == ["GET /v2/orders", "churn", "order_items", "orders", "orders_daily"]
    page.locator("#up").select_option("0")
    assert shop_page.names(".box") == ["churn", "order_items", "orders", "orders_daily"]
    assert shop_page.graph("cy.edges().map(edge => [edge.data('id'), edge.classes()]).length") == 3
    assert shop_page.graph("cy.edges('.how-parent').length") == 1
    assert shop_page.graph("cy.edges('.how-sql').length") == 2
    assert page.locator(".legend li").all_text_contents() == ["read from SQL", "child table", "+1beyond this depth"]
    page.locator("#down").select_option("all")
    assert "Retention" in shop_page.names(".box")


def test_what_is_up_and_downstream_is_followed_both_ways(look: Any) -> None:
    """In a circle a table is upstream and downstream: what hangs on either side of it is within the depth."""
    opened = look(circles())
    opened.open(at("shop/table/stock", "view=lineage"))
    assert opened.names(".box") == ["feed", "price", "report", "stock"]
    opened.open(at("shop/table/price", "view=lineage&up=2&down=0"))
    assert opened.names(".box") == ["feed", "price", "stock"]


def test_column_lineage_draws_columns_and_what_joins_them(shop_page: Look) -> None:
    """Columns are drawn when asked for, and an edge between columns replaces that of their tables."""
    page = shop_page.open(at(DAILY, "view=lineage&depth=1"))
    assert shop_page.names(".row") == []
    page.get_by_label("Column lineage").check()
    columns = "amount country country day id orders placed_at revenue status"
    assert " ".join(shop_page.names(".row")) == columns
    joined = shop_page.graph(
        "cy.edges().map(edge => edge.source().data('label') + ' > ' + edge.target().data('label')).sort()"
    )
    assert "amount > revenue" in joined
    assert "orders > orders_daily" not in joined
    assert "revenue > Revenue by country" in joined


def test_column_lineage_is_offered_where_there_is_any(look: Any) -> None:
    """Where no edge is between columns the choice is off and says why; one that is on already can be switched off."""
    opened = look(circles())
    page = opened.open(at("shop/table/stock", "view=lineage"))
    box = page.get_by_label("Column lineage none at this depth")
    assert box.is_disabled()
    page.evaluate("location.hash += '&columns=1'")
    opened.until("document.getElementById('columns').checked")
    assert box.is_enabled()
    box.uncheck()
    assert box.is_disabled()
    page = opened.open(at("shop/table/budget", "view=lineage"))
    assert page.get_by_label("Column lineage", exact=True).is_enabled()
    page.locator("#down").select_option("0")
    page.locator("#up").select_option("0")
    assert box.is_disabled()


@pytest.mark.parametrize("width", [1360, 390])
@pytest.mark.parametrize(
    ("table", "columns", "back"),
    [("stock", 0, "price > stock"), ("river", 0, "sea > spring"), ("budget", 1, "amount > amount")],
)
def test_an_edge_back_goes_around_the_boxes(look: Any, width: int, table: str, columns: int, back: str) -> None:
    """Of tables that are upstream of one another each edge is seen: none crosses a box, no two end at one point."""
    opened = look(circles(), viewport={"width": width, "height": 844})
    opened.open(at(f"shop/table/{table}", f"view=lineage&columns={columns}"))
    edges = opened.graph(EDGES_AND_WHAT_THEY_CROSS)
    assert back in [edge["name"] for edge in edges]
    assert [edge["crosses"] for edge in edges] == [[]] * len(edges)
    for end in ("source", "target"):
        assert len({(edge[end]["x"], edge[end]["y"]) for edge in edges}) == len(edges)


def test_a_column_stands_out_with_all_that_it_comes_from(shop_page: Look) -> None:
    """A column's own lineage dims the columns that have nothing to do with it."""
    shop_page.open(at("warehouse/column/marts.orders_daily.revenue", "view=lineage"))
    bright = shop_page.graph("cy.nodes('.row').not('.dim').map(node => node.data('label')).sort()")
    assert bright == ["amount", "revenue", "status"]


def test_clicks_in_the_graph_centre_and_open(shop_page: Look) -> None:
    """A click centres and tells; a double click opens."""
    page = shop_page.open(at(ORDERS, "view=lineage&depth=1"))
    place = shop_page.graph("cy.nodes('.box').filter(node => node.data('label') === 'churn')[0].renderedPosition()")
    box = page.locator("#graph").bounding_box()
    page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
    page.locator("#chosen", has_text="Who may not come back.").wait_for()
    shop_page.until(
        "(cy => Math.abs(cy.nodes('.chosen').renderedPosition().x - cy.width() / 2) < 3)"
        "(document.getElementById('graph')._cyreg.cy)"
    )
    page.wait_for_timeout(400)  # two clicks within a moment would be a double one
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("h1", has_text="churn").wait_for()
    assert page.locator(".columns").count() == 1


def test_zoom_buttons_zoom(shop_page: Look) -> None:
    """In, out, and back to all."""
    page = shop_page.open(at(ORDERS, "view=lineage"))
    before = shop_page.graph("cy.zoom()")
    page.get_by_role("button", name="Zoom in").click()
    assert shop_page.graph("cy.zoom()") > before
    page.get_by_role("button", name="Zoom out").click()
    assert abs(shop_page.graph("cy.zoom()") - before) < 0.01


def test_a_shared_link_opens_the_same_view(shop_page: Look, look: Any) -> None:
    """Depth, columns, search and filters are in the address, and in nothing else."""
    page = shop_page.open(at(DAILY, "view=lineage"))
    page.locator("#up").select_option("1")
    page.get_by_label("Column lineage").check()
    place = page.evaluate("location.hash")
    other = look(shop())
    again = other.open(place)
    assert again.locator("h1").inner_text() == "orders_daily"
    assert again.locator("#up").input_value() == "1"
    assert again.locator("#down").input_value() == "2"
    assert other.names("[label]") == shop_page.names("[label]")
    page.get_by_role("link", name="Headwater").click()
    page.get_by_role("searchbox").fill("order")
    page.locator("label.choice", has_text="Charts").click()
    shared = look(shop()).open(page.evaluate("location.hash"))
    assert titles(shared) == titles(page) == ["Orders per day"]
    assert shared.get_by_role("searchbox").input_value() == "order"


def test_the_chosen_theme_is_kept(shop_page: Look) -> None:
    """Light or dark follows the system until one is chosen; the choice outlives the page."""
    page = shop_page.open()
    color = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(color)
    page.emulate_media(color_scheme="dark")
    shop_page.until(f"{color} !== '{light}'")
    dark = page.evaluate(color)
    page.get_by_role("button", name="Theme: system").click()
    assert page.evaluate(color) == light
    page.get_by_role("button", name="Theme: light").click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate(color) == dark
    page.reload()
    assert page.evaluate(color) == dark
    page.get_by_role("button", name="Theme: dark").click()
    assert page.evaluate(color) == light


def test_everything_can_be_done_with_keys(shop_page: Look) -> None:
    """Search, choose, open, look at the lineage, move in it, open from it, and come back, without a mouse."""
    page = shop_page.open()
    keys = page.keyboard
    keys.press("/")
    keys.type("orders")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("ArrowUp")
    assert page.evaluate("document.activeElement.querySelector('bdi').textContent") == "orders"
    keys.press("Enter")
    assert page.locator("h1").inner_text() == "orders"
    assert page.evaluate("document.activeElement.tagName") == "H1"
    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Lineage":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.press("Enter")
    page.locator("#graph").wait_for()
    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.id") == "graph":
            break
    keys.press("ArrowRight")
    chosen = page.locator("#chosen .chosen-name").inner_text()
    assert chosen in ("churn", "order_items", "orders_daily")
    keys.press("Enter")
    page.locator("h1", has_text=chosen).wait_for()
    keys.press("Escape")
    page.locator("#graph").wait_for()
    keys.press("Escape")
    keys.press("Escape")
    page.locator("#results").wait_for()
    assert page.get_by_role("searchbox").input_value() == "orders"
    keys.press("/")
    keys.press("Escape")
    assert page.get_by_role("searchbox").input_value() == ""


def test_enter_opens_the_first_result(shop_page: Look) -> None:
    """Type and Enter is enough."""
    page = shop_page.open()
    page.get_by_role("searchbox").fill("customers")
    page.keyboard.press("Enter")
    assert page.locator("h1").inner_text() == "customers"
    page.keyboard.press("Escape")
    assert titles(page)[0] == "customers"


def test_unresolved_ends_are_listed_with_their_reasons(shop_page: Look) -> None:
    """As their author wrote them, by reason, with links to what is near."""
    page = shop_page.open()
    page.get_by_role("link", name="3 unresolved ends of lineage").click()
    reasons = page.locator("h2 bdi").all_text_contents()
    assert reasons == ["no table is called …", "several tables are called `customers`"]
    assert "no table is called `legacy.invoices`" in page.locator(".gap").nth(1).inner_text()
    assert page.locator(".end-sql").inner_text() == "SELECT id\nFROM customers"
    page.locator(".pills a", has_text="shop_api").click()
    assert page.locator(".gap").count() == 1
    page.locator(".gap a", has_text="customers").first.click()
    page.locator("h1", has_text="customers").wait_for()


def test_a_link_to_what_is_not_there_says_so(shop_page: Look) -> None:
    """An old or broken link leads to a page that says so, not to nothing."""
    page = shop_page.open(at("warehouse/table/gone.orders"))
    assert page.locator("h1").inner_text() == "Not in this catalog"
    page.get_by_role("link", name="Search for its name").click()
    assert titles(page)[0] == "orders"
    assert shop_page.open("#/r/%E0%A4%A").locator("h1").inner_text() == "Not in this catalog"


@pytest.mark.parametrize("width", [1360, 390])
@pytest.mark.parametrize("query", ["depth=2", "depth=2&columns=1", pytest.param("depth=all", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "key", [ORDERS, pytest.param(DAILY, marks=pytest.mark.slow), "shop_api/api_endpoint/GET /v2/customers"]
)
def test_a_graph_can_be_read_at_first_sight(look: Any, width: int, query: str, key: str) -> None:
    """No text is below 9 px, the resource is seen whole, all of it is where that fits, and nothing lies over it."""
    opened = look(shop(), viewport={"width": width, "height": 844})
    page = opened.open(at(key, f"view=lineage&{query}"))
    zoom, font = opened.graph("[cy.zoom(), cy.nodes().min(node => parseFloat(node.style('font-size'))).value]")
    assert zoom * font >= 9
    whole = "(({ x1, y1, w, h }) => x1 >= 0 && y1 >= 0 && x1 + w <= cy.width() && y1 + h <= cy.height())"
    assert opened.graph(f"{whole}(cy.nodes('.center').renderedBoundingBox())")
    drawn = opened.graph("(({ w, h }) => [w / (cy.width() - 20), h / (cy.height() - 20)])(cy.elements().boundingBox())")
    assert opened.graph(f"{whole}(cy.elements().renderedBoundingBox())") or max(drawn) * 9 / font > 1
    canvas = page.locator("#graph").bounding_box()
    for control in (".zoom", ".legend"):
        assert page.locator(control).bounding_box()["y"] >= canvas["y"] + canvas["height"]


def test_on_a_phone_lineage_runs_downwards(look: Any) -> None:
    """Upright there is room below, not beside: two abreast and all ranks are seen; turned, it runs to the right."""
    opened = look(shop(), viewport={"width": 390, "height": 844})
    page = opened.open(at(DAILY, "view=lineage"))
    steep = "(ends => Math.abs(ends[1].y - ends[0].y) > Math.abs(ends[1].x - ends[0].x))"
    ways = f"cy.edges().map(edge => {steep}([edge.source(), edge.target()].map(node => node.position())))"
    assert opened.graph("cy.extent().w >= cy.elements().boundingBox().w")
    assert not any(opened.graph("cy.edges().map(edge => edge.source().position('y') > edge.target().position('y'))"))
    assert opened.graph("cy.nodes('.hint').map(node => node.data('label')).join().includes('↓')")
    page.locator("#graph").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#chosen .chosen-name").inner_text() in ("Orders per day", "Revenue by country")
    page.set_viewport_size({"width": 844, "height": 390})
    opened.until(f"!(cy => {ways})(document.getElementById('graph')._cyreg.cy).some(Boolean)")


def test_many_siblings_fit_a_phone(look: Any) -> None:
    """A rank of more than two is folded: all of it is below each other, nothing lies over anything, all can be told."""
    made = Builder()
    made.table("s", "fact", [])
    origin = made.table("s", "origin", [])
    for number in range(51):
        key = made.table("s", f"a_long_name_of_a_table_with_the_number_{number}", [])
        made.edge(key, "s/table/fact")
        made.edge(origin, key)
    made.edge(origin, "s/table/fact")
    opened = look(made.catalog(), viewport={"width": 390, "height": 844})
    opened.open(at("s/table/fact", "view=lineage"))
    assert opened.graph("cy.extent().w >= cy.elements().boundingBox().w")
    assert opened.graph("cy.nodes('.box').length") == 53
    sides = "(({ x1, x2, y1, y2 }) => [x1, x2, y1, y2])"
    boxes = opened.graph(f"cy.nodes('.box').map(node => {sides}(node.boundingBox()))")
    for (a1, a2, b1, b2), (c1, c2, d1, d2) in combinations(boxes, 2):
        assert a2 <= c1 or c2 <= a1 or b2 <= d1 or d2 <= b1
    assert not any(opened.graph("cy.edges().map(edge => edge.source().position('y') > edge.target().position('y'))"))
    assert len(set(opened.names(".box"))) == 53
    for edge in opened.graph(EDGES_AND_WHAT_THEY_CROSS):
        assert set(edge["crosses"]) <= set(edge["name"].split(" > "))  # its own ends, which it touches


def test_an_empty_catalog_says_what_fills_it(look: Any) -> None:
    """Not that nothing matches."""
    page = look(Catalog()).open()
    assert "headwater publish" in page.locator(".empty").inner_text()


def test_nothing_is_wider_than_a_phone(look: Any) -> None:
    """On a phone no view scrolls sideways."""
    opened = look(shop(), viewport={"width": 360, "height": 740})
    for place in ("#/", "#/?q=order", at(DAILY), at(DAILY, "view=lineage"), at(DAILY, "view=sql"), "#/unresolved"):
        page = opened.open(place)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, place
