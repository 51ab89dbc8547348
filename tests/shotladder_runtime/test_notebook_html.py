"""HTML tables for notebooks."""

from shotladder_runtime.notebook_html import property_table


def test_property_table_escapes_names_and_values():
    html = property_table("<b>", {"a&b": "<script>"})
    assert html == "<table><caption>&lt;b&gt;</caption><tr><th>a&amp;b</th><td>&lt;script&gt;</td></tr></table>"
