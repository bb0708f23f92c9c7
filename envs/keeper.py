"""Keeps the last worlds of a process, and closes what nobody uses any more."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """A world."""

    def close(self) -> None:
        """Free what is heavy."""


K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound=Closable)


class Keeper(Generic[K, W]):
    """The last worlds that were used in this process.

    Args:
        capacity: how many worlds are kept. Those in use count, but are never closed: with more environments than
            this, every environment still keeps its own.
    """

    def __init__(self, capacity: int = 8) -> None:
        self.capacity = capacity
        self._worlds: OrderedDict[K, W] = OrderedDict()
        # Weak: an environment that is forgotten without close() must not hold its world for ever.
        self._users: dict[K, weakref.WeakSet[object]] = {}

    def __len__(self) -> int:
        return len(self._worlds)

    def borrow(self, key: K, make: Callable[[], W], user: object) -> W:
        """The world of this key, made when it is not there, in use by ``user`` until `give_back`."""
        world = self._worlds.get(key)
        if world is None:
            world = make()
            self._worlds[key] = world
            self._users[key] = weakref.WeakSet()
        self._worlds.move_to_end(key)
        self._users[key].add(user)
        self._shrink()
        return world

    def give_back(self, world: W, user: object) -> None:
        """``user`` does not need the world any more."""
        for key, known in self._worlds.items():
            if known is world:
                self._users[key].discard(user)
        self._shrink()

    def clear(self) -> None:
        """Close every world that nobody uses."""
        self._shrink(0)

    def _shrink(self, capacity: int | None = None) -> None:
        limit = self.capacity if capacity is None else capacity
        for key in list(self._worlds):
            if len(self._worlds) <= limit:
                return
            if not self._users[key]:
                self._worlds.pop(key).close()
                del self._users[key]
