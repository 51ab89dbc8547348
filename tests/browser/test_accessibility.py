"""axe-core finds nothing in the report and the player page, light and dark, on a phone and a desk."""

import threading

import pytest

from shotladder.player import PlayerServer

from .conftest import HERE, PLAYERS, missing, wait_until

pytestmark = pytest.mark.browser

AXE = HERE / "node_modules/axe-core/axe.min.js"
#: WCAG 2.2, levels A and AA, and the best practices of axe.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENS = [(400, "dark"), (1280, "light")]


def faults(page):
    """Return the violations that axe finds, each with the elements."""
    if not AXE.exists():
        missing(f"there is no {AXE.relative_to(HERE)}: npm install --no-package-lock --prefix tests/browser")
    # evaluated, because the page allows no scripts of others
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]]


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_report_has_no_accessibility_faults(browser, presentation, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page.goto((presentation / "report.html").as_uri())
        for details in page.locator("details").all():
            details.evaluate("element => { element.open = true; }")
        assert faults(page) == []
    finally:
        page.close()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_player_page_has_no_accessibility_faults(browser, presentation, width, scheme):
    server = PlayerServer(presentation, 0, player_js=PLAYERS["/players/hls.js"])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page.goto(server.url)
        wait_until(page, "document.getElementById('pin').options.length > 1")
        page.click("#compare")
        wait_until(page, "document.getElementById('right-video').readyState > 1")
        assert faults(page) == []
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
