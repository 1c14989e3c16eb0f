"""A reader of HTML that forgives nothing: what is opened is closed in order, ids are unique, what is referred to is there."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
# what may not hold what, as far as our pages have it
NOT_INSIDE = {"p": {"p", "div", "ul", "ol", "table", "figure", "section"}, "a": {"a"}, "span": {"div", "p", "table"}}
NOT_INSIDE |= {"table": {"p"}, "ul": {"div", "p"}, "tr": {"div", "tr"}}
REFERENCES = ("aria-labelledby", "aria-describedby")


class StrictHtml(HTMLParser):
    """Feed it one text, then `finish`; raises AssertionError for what is wrong, keeps tags, ids, links and cells."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.cells: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute of <{tag}> twice"
        assert not self.open or tag not in NOT_INSIDE.get(self.open[-1], set()), f"<{tag}> in <{self.open[-1]}>"
        assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9:-]*", name) for name, _ in attrs), f"odd attributes in <{tag}>: {attrs}"
        given = dict(attrs)
        assert not any(name.startswith("on") for name in given), f"a script in <{tag}>"
        self.tags.append((tag, given))
        if (own := given.get("id")) is not None:
            assert own
            assert not set(own) & set(" \t\n")
            self.ids.append(own)
        for name in REFERENCES:
            self.references += (given.get(name) or "").split()
        if (address := given.get("href") or "").startswith("#"):
            self.references.append(address[1:])
        for value in given.values():
            if value and "url(#" in value:
                self.references.append(value.split("url(#")[1].split(")")[0])
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> in the wrong place"

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += data

    def finish(self) -> "StrictHtml":
        self.close()
        assert not self.open, f"left open: {self.open}"
        assert sorted(set(self.ids)) == sorted(self.ids), "an id twice"
        assert set(self.references) <= set(self.ids), set(self.references) - set(self.ids)
        return self


def read(text: str) -> StrictHtml:
    """Parse `text` strictly."""
    reader = StrictHtml()
    reader.feed(text)
    return reader.finish()
