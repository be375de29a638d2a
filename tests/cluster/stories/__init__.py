"""The stories, in the order in which they are begun: the longest first, as they are told side by side."""

from stories import admission, docs, examples, routes, scaling, single, split

ALL = {
    "split": split.tell,
    "single": single.tell,
    "scaling": scaling.tell,
    "docs": docs.tell,
    "routes": routes.tell,
    "examples": examples.tell,
    "admission": admission.tell,
}
