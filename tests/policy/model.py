"""Who may see what, written out by hand: label by audience by reader by surface. No code is asked.

One row per kind of reader, one column per label and audience. A cell says:

    y   yes, on every surface
    -   no, on every surface: as if it did not exist
    o   read without a token: one thing by its id, and lists; every other surface needs a token
    p   a person who is named: the body by its id, singly; in feeds a pointer; elsewhere nothing

The three groups differ: what `group` holds stays with its members, the terms of `terms` let it go on to those
whom they serve, `required` is as `terms` and asks its members for an attribute.
"""

from typing import Literal

Answer = Literal["yes", "no", "pointer"]

SINGLE, LIST, FEED, STREAM, LOOKUP, EXPORT = SURFACES = (
    "single",
    "list",
    "feed",
    "stream",
    "lookup",
    "export",
)

COLUMNS = (
    "clear", "green", "green/group", "green/terms", "green/required",
    "amber/group", "amber/terms", "amber/required", "amber/members",
    "strict/group", "strict/terms", "strict/required", "strict/members", "red/users",
)  # fmt: skip

AUDIENCE = {
    "clear": ("TLP:CLEAR", "public"),
    "green": ("TLP:GREEN", "community"),
    "green/group": ("TLP:GREEN", "group"),
    "green/terms": ("TLP:GREEN", "group"),
    "green/required": ("TLP:GREEN", "group"),
    "amber/group": ("TLP:AMBER", "group"),
    "amber/terms": ("TLP:AMBER", "group"),
    "amber/required": ("TLP:AMBER", "group"),
    "amber/members": ("TLP:AMBER", "members"),
    "strict/group": ("TLP:AMBER+STRICT", "group"),
    "strict/terms": ("TLP:AMBER+STRICT", "group"),
    "strict/required": ("TLP:AMBER+STRICT", "group"),
    "strict/members": ("TLP:AMBER+STRICT", "members"),
    "red/users": ("TLP:RED", "users"),
}
"""Column → label and kind of audience: together, every combination that is allowed."""

#                                                        GREEN      AMBER        STRICT
#                                                        -------    ----------   ----------   RED
#                                              CLEAR all  g  t  r    g  t  r  m    g  t  r  m   u
TABLE = """
anonymous, public reading off                    -    -   -  -  -    -  -  -  -    -  -  -  -   -
anonymous, public reading on                     o    -   -  -  -    -  -  -  -    -  -  -  -   -
the operator at the machine                      -    -   -  -  -    -  -  -  -    -  -  -  -   -
member                                           y    y   -  -  -    -  -  -  -    -  -  -  -   -
member with every scope there is                 y    y   -  -  -    -  -  -  -    -  -  -  -   -
member, suspended, in every audience             -    -   -  -  -    -  -  -  -    -  -  -  -   -
member, offboarded, in every audience            -    -   -  -  -    -  -  -  -    -  -  -  -   -
owner                                            y    y   y  y  y    y  y  y  y    y  y  y  y   -
owner's author                                   y    y   y  y  y    y  y  y  y    y  y  y  y   p
owner's other user                               y    y   y  y  y    y  y  y  y    y  y  y  y   -
group member, attribute valid                    y    y   y  y  y    y  y  y  -    y  y  y  -   -
group member, attribute expired                  y    y   y  y  -    y  y  -  -    y  y  -  -   -
group member, attribute expires now              y    y   y  y  -    y  y  -  -    y  y  -  -   -
group member, attribute absent                   y    y   y  y  -    y  y  -  -    y  y  -  -   -
invited to the groups, terms not accepted        y    y   -  -  -    -  -  -  -    -  -  -  -   -
holder of the attribute, in no group             y    y   -  -  -    -  -  -  -    -  -  -  -   -
groups' owner, in none of them                   y    y   -  -  -    -  -  -  -    -  -  -  -   -
named member                                     y    y   -  -  -    -  -  -  y    -  -  -  y   -
authority                                        y    -   -  -  -    -  -  -  -    -  -  -  -   -
authority in the groups                          y    -   y  y  y    y  y  y  -    y  y  y  -   -
authority that is named                          y    -   -  -  -    -  -  -  -    -  -  -  -   -
authority's user that is named                   y    -   -  -  -    -  -  -  -    -  -  -  -   -
named user                                       y    y   -  -  -    -  -  -  -    -  -  -  -   p
service client of the named user's member        y    y   -  -  -    -  -  -  -    -  -  -  -   -
other user of the named user's member            y    y   -  -  -    -  -  -  -    -  -  -  -   -
named user, disabled since                       y    y   -  -  -    -  -  -  -    -  -  -  -   -
named user of a suspended member                 -    -   -  -  -    -  -  -  -    -  -  -  -   -
downstream of the audience, nothing released     y    y   -  -  -    -  -  -  -    -  -  -  -   -
downstream of the audience, all released         y    y   -  y  y    -  y  y  y    -  -  -  -   -
downstream, suspended, all released              -    -   -  -  -    -  -  -  -    -  -  -  -   -
downstream, released, upstream's lapsed          y    y   -  y  -    -  y  -  -    -  -  -  -   -
downstream, released by one outside              y    y   -  -  -    -  -  -  -    -  -  -  -   -
downstream, released by one not its own          y    y   -  -  -    -  -  -  -    -  -  -  -   -
downstream, released, upstream suspended         y    y   -  -  -    -  -  -  -    -  -  -  -   -
downstream of a downstream, released twice       y    y   -  -  -    -  -  -  -    -  -  -  -   -
downstream of the owner, released                y    y   -  y  y    -  y  y  y    -  -  -  -   -
downstream in the groups itself                  y    y   y  y  y    y  y  y  -    y  y  y  -   -
authority as downstream, all released            y    -   -  -  -    -  -  -  -    -  -  -  -   -
peer                                             y    -   -  -  -    -  -  -  -    -  -  -  -   -
peer of the same community                       y    y   -  -  -    -  -  -  -    -  -  -  -   -
peer with a member in the audience               y    -   y  y  y    y  y  y  y    -  -  -  -   -
peer with a member whose attribute lapsed        y    -   y  y  -    y  y  -  -    -  -  -  -   -
peer with a suspended member in the audience     y    -   -  -  -    -  -  -  -    -  -  -  -   -
peer with an authority in the audience           y    -   y  y  y    y  y  y  -    -  -  -  -   -
peer, itself in the groups and named             y    -   -  -  -    -  -  -  -    -  -  -  -   -
peer, suspended, of the same community           -    -   -  -  -    -  -  -  -    -  -  -  -   -
peer that is an authority's                      y    -   -  -  -    -  -  -  -    -  -  -  -   -
"""

_CELLS: dict[str, dict[str, Answer]] = {
    "y": dict.fromkeys(SURFACES, "yes"),
    "-": dict.fromkeys(SURFACES, "no"),
    "o": {SINGLE: "yes", LIST: "yes", FEED: "no", STREAM: "no", LOOKUP: "no", EXPORT: "no"},
    "p": {SINGLE: "yes", LIST: "no", FEED: "pointer", STREAM: "pointer", LOOKUP: "no", EXPORT: "no"},
}


def _rows() -> dict[tuple[str, str, str], Answer]:
    rows: dict[tuple[str, str, str], Answer] = {}
    for line in TABLE.strip().splitlines():
        reader, *cells = line.rsplit(maxsplit=len(COLUMNS))
        for column, cell in zip(COLUMNS, cells, strict=True):
            for surface in SURFACES:
                rows[reader, column, surface] = _CELLS[cell][surface]
    return rows


ROWS = _rows()
"""(reader, column, surface) → answer: the table, cell by cell."""

READERS = tuple(dict.fromkeys(reader for reader, _, _ in ROWS))


def answer(reader: str, column: str, surface: str, *, narrower: str | None = None) -> Answer:
    """What a reader is given of a collection, or of an item in it, which both markings must give.

    Args:
        narrower: the item's own marking, as a column.
    """
    outer = ROWS[reader, column, surface]
    if narrower is None:
        return outer
    inner = ROWS[reader, narrower, surface]
    if "no" in {outer, inner}:
        return "no"
    return "pointer" if "pointer" in {outer, inner} else "yes"
