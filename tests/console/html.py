"""A page as somebody reads it who cannot see it: its title, headings, ids, fields, links and words."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "img", "br", "hr"}


@dataclass
class Page(HTMLParser):
    """What of a page tests look at."""

    text: str
    title: str = ""
    headings: list[tuple[int, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: str = ""
    rows: list[str] = field(default_factory=list)
    """The words of each row of the bodies of tables."""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.feed(self.text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "tr" and "tbody" in self._open:
            self.rows.append("")
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append((int(tag[1]), ""))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"{tag} was not opened"
        opened = self._open.pop()
        assert opened == tag, f"{opened} is closed by {tag}"

    def handle_data(self, data: str) -> None:
        self.words += data
        if "tr" in self._open and "tbody" in self._open:
            self.rows[-1] = " ".join(f"{self.rows[-1]} {data}".split())
        if "title" in self._open and "svg" not in self._open:
            self.title += data
        if self._open and any(tag in self._open for tag in ("h1", "h2", "h3", "h4")):
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)

    def all(self, tag: str, **having: str) -> list[dict[str, str]]:
        """Attributes of the elements with this tag, and these attributes."""
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(key) == value for key, value in having.items())
        ]

    @property
    def links(self) -> list[str]:
        return [found["href"] for found in self.all("a") if "href" in found]

    def field(self, name: str) -> dict[str, str]:
        """The one field of a form with this name."""
        found = [one for tag, one in self.tags if tag in {"input", "select"} and one.get("name") == name]
        assert len(found) == 1, name
        return found[0]
