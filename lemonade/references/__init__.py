"""Hand-designed networks beside a front: torchvision's, adapted to the images and trained by the search's engine.

They are no members: they lie in the run folder's `references/`, and only the report shows them.
"""

from lemonade.references.records import NAMES, Reference, read_references, write_reference

__all__ = ["NAMES", "Reference", "read_references", "write_reference"]
