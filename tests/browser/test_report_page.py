"""The report works in a browser: no errors, no overflow on a phone, and its controls."""

import pytest

from .conftest import save_screenshot

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light"), (3840, "dark")])
def test_report_shows_shots_and_fits_every_screen(browser, presentation, document, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    try:
        page.goto((presentation / "report.html").as_uri())
        if width == 1280:
            save_screenshot(page, "report")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#shot").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#inspector strong").inner_text().startswith("Shot 2, ")
        assert page.locator("#inspector tbody tr").count() == len(document["video"])
        assert page.locator("#inspector img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        button = page.locator("[data-toggle=rung0]")
        button.click()
        assert button.get_attribute("aria-pressed") == "false"
        assert page.locator("[data-series=rung0]").first.evaluate("e => getComputedStyle(e).display") == "none"
        assert page.locator("article img").count() == 3 * min(5, len(document["shots"]))
    finally:
        page.close()
    assert faults == []
