"""Where an artifact comes from and what was made of it: the chain from vectors and constraints to checkpoints and reports."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xlt_augment.store.artifacts import Artifact, Parent
from xlt_augment.store.names import Name
from xlt_augment.store.repository import Reference, Store

_STAGES = ("source", "vectors", "constraints", "vetoes", "tokenizer", "synonyms", "dataset", "run", "report")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One link of the chain. `names`: what the store calls it, empty for what no store holds; `recipe`: of a dataset."""

    kind: str
    title: str
    identity: str
    names: tuple[str, ...]
    recipe: dict[str, Any] | None
    parents: tuple["Node", ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The node and all above it."""
        own = {key: getattr(self, key) for key in ("kind", "title", "identity", "recipe")}
        return own | {"names": list(self.names), "parents": [parent.to_json() for parent in self.parents]}


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """An artifact with all that it was made from, and what was made from it (nearest first, each with its own kind)."""

    node: Node
    descendants: tuple[Node, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return self.node.to_json() | {"descendants": [node.to_json() for node in self.descendants]}


def lineage(store: Store, name: Name) -> Lineage:
    """The chain of a name, as far as the store knows it; parents that are in no store are named by kind, name and hash.

    Raises StoreError for a name that is not there, or a damaged manifest.
    """
    reference = store.reference(store.resolve(name))
    known = _Known(store)
    artifact = known.artifact(reference)
    key = (artifact.kind, artifact.identity)
    return Lineage(node=known.node(key, str(reference.name), seen=frozenset()), descendants=tuple(known.descendants(key)))


class _Known:
    """Every artifact of a store by what it is. Identities of runs may be named by their first 16 digits."""

    def __init__(self, store: Store) -> None:
        self._artifacts: dict[str, Artifact] = {}
        self._by_key: dict[tuple[str, str], list[Reference]] = defaultdict(list)
        for reference in store.references():
            if reference.artifact not in self._artifacts:
                self._artifacts[reference.artifact] = store.artifact(reference)
            self._by_key[reference.kind, reference.identity].append(reference)

    def artifact(self, reference: Reference) -> Artifact:
        return self._artifacts[reference.artifact]

    def _key(self, parent: Parent) -> tuple[str, str]:
        """The key of a parent that is in the store, else what it says of itself."""
        whole = (key for key in self._by_key if key[0] == parent.kind and key[1].startswith(parent.identity))
        return next(whole, (parent.kind, parent.identity))

    def node(self, key: tuple[str, str], title: str, seen: frozenset[tuple[str, str]], told: Sequence[Parent] = ()) -> Node:
        """An artifact and its parents; of one that is in no store, those that its child `told`. `seen` ends the chain of a
        manifest that names itself among its ancestors."""
        references = self._by_key.get(key, [])
        artifact = self.artifact(references[0]) if references else None
        above = [(self._key(parent), parent) for parent in (artifact.parents if artifact else told)]
        parents = (
            self.node(own, parent.name, seen | {key}, parent.parents)
            for own, parent in sorted(above, key=_stage)
            if own not in seen | {key}
        )
        return Node(
            kind=key[0], title=title, identity=key[1], names=tuple(str(reference.name) for reference in references),
            recipe=_recipe(artifact), parents=tuple(parents),
        )  # fmt: skip

    def descendants(self, key: tuple[str, str]) -> Iterator[Node]:
        """All that was made from an artifact, directly or not, breadth first."""
        children = defaultdict(list)
        for own, references in self._by_key.items():
            for parent in self.artifact(references[0]).parents:
                children[self._key(parent)].append(own)
        waiting, seen = [key], {key}
        while waiting:
            for child in children[waiting.pop(0)]:
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
                    references = self._by_key[child]
                    names = tuple(str(reference.name) for reference in references)
                    recipe = _recipe(self.artifact(references[0]))
                    yield Node(kind=child[0], title=names[0], identity=child[1], names=names, recipe=recipe)


def _recipe(artifact: Artifact | None) -> dict[str, Any] | None:
    """That of a dataset; what another program wrote there is passed over."""
    found = artifact.about.get("recipe") if artifact else None
    return found if isinstance(found, dict) else None


def _stage(entry: tuple[tuple[str, str], Parent]) -> tuple[int, str]:
    kind = entry[0][0]
    return (_STAGES.index(kind) if kind in _STAGES else len(_STAGES), entry[1].name)
