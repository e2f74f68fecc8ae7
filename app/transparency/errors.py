"""What does not hold, or cannot be read. Messages never repeat what was sent."""


class NotProven(Exception):
    """Base: what was to be shown is not shown by what was given."""


class BadProof(NotProven):
    """The hashes do not lead to the root: wrong leaf, place, size, root, or a changed proof."""


class BadTile(NotProven):
    """No path or no bytes of a tile or an entry bundle."""


class BadNote(NotProven):
    """No signed note, checkpoint, signature or key in its exact form."""


class BadSignature(NotProven):
    """A signature of a key that is trusted does not verify: the text was changed."""


class Unsigned(NotProven):
    """No key that is trusted has signed."""


class UnknownLog(NotProven):
    """A checkpoint of a log that this witness does not follow."""
