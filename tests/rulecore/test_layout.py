"""The writer and the reader of bundle images agree on what a record is."""

from rulecore import layout
from rulecore._layout import Section, record_sizes
from rulecore.expressions import TYPES
from rulecore.image import SOURCES
from rulecore.model import Source, Type


def test_writer_and_reader_agree_on_the_size_of_every_record() -> None:
    assert record_sizes() == {int(section): size for section, size in layout.RECORD_BYTES.items()}
    assert set(layout.RECORD_BYTES) == set(Section) - {Section.SECTION_COUNT}


def test_codes_of_types_and_sources_are_their_order() -> None:
    assert [TYPES[kind] for kind in Type] == list(range(len(Type)))
    assert [SOURCES[source] for source in Source] == list(range(len(Source)))
