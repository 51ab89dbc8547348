"""Identifiers of a DASH manifest depend on the order of its elements only."""

import pytest

from encoder.packaging.dash_identifiers import number_identifiers

TRICK = '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="{}"/>'
SWITCHING = '<SupplementalProperty schemeIdUri="urn:mpeg:dash:adaptation-set-switching:2016" value="{}"/>'


def write(path, sets, representations):
    first, second, trick = sets
    a, b, c, d = representations
    path.write_text(
        f'<MPD><Period id="0"><AdaptationSet id="{first}" contentType="video">{SWITCHING.format(second)}'
        f'<Representation id="{a}" bandwidth="1"/><Representation id="{b}" bandwidth="2"/></AdaptationSet>'
        f'<AdaptationSet id="{second}">{SWITCHING.format(first)}<Role value="1"/><Representation id="{c}"/>'
        f'</AdaptationSet><AdaptationSet id="{trick}">{TRICK.format(first)}<Representation id="{d}"/></AdaptationSet>'
        "</Period></MPD>"
    )
    return path


@pytest.mark.parametrize(
    ("sets", "representations"), [("012", "0123"), ("120", "3102"), ("201", "2310"), (("10", "9", "11"), "0213")]
)
def test_number_identifiers_gives_the_same_for_each_numbering_of_the_packager(tmp_path, sets, representations):
    manifest = write(tmp_path / "manifest.mpd", sets, representations)
    number_identifiers(manifest)
    assert manifest.read_text() == write(tmp_path / "expected.mpd", "012", "0123").read_text()


def test_number_identifiers_sorts_a_list_of_references(tmp_path):
    manifest = tmp_path / "manifest.mpd"
    manifest.write_text(
        f'<AdaptationSet id="7">{SWITCHING.format("9,8")}</AdaptationSet>'
        + "".join(f'<AdaptationSet id="{n}"></AdaptationSet>' for n in (9, 8))
    )
    number_identifiers(manifest)
    assert SWITCHING.format("1,2") in manifest.read_text()
