"""Which of the captured pictures is seen when: frozen, dropped and delayed frames.

A capture has a stamp, its frame number, which is what the receiver takes for the time of the picture. A *frozen* camera
sends the picture before under the new stamp; a *dropped* frame never arrives; a *delayed* one arrives frames later. At
every frame the receiver has the picture with the newest stamp that has arrived, and the time elapsed since its last
look is the difference of the two stamps.
"""

from __future__ import annotations

from typing import NamedTuple

from envs.effects.types import Image


class _Sent(NamedTuple):
    stamp: int
    due: int
    """Frame at which it arrives."""
    image: Image


class PictureQueue:
    """The pictures of one episode on their way; the first is always seen at once, for there is nothing before it."""

    def __init__(self) -> None:
        self._way: list[_Sent] = []
        self._sensed: Image | None = None
        self._seen: _Sent | None = None

    def pass_on(self, image: Image, frame: int, *, frozen: bool, dropped: bool, delay: int) -> tuple[Image, int]:
        """Capture a picture and say which one is seen now.

        Args:
            image: what the camera would capture.
            frame: its number; to be called with increasing ones.
            frozen: the camera sends the picture before instead.
            dropped: this frame is lost on the way.
            delay: frames that it is late.

        Returns:
            The picture (a copy: it may be seen again), and how many frames newer its stamp is than that of the last
            one seen: 0 when it is the same again, 1 in normal operation and at the first call.
        """
        if not frozen or self._sensed is None:
            self._sensed = image.copy()
        sent = _Sent(frame, frame + delay, self._sensed)
        if self._seen is None:
            self._seen = sent
            return sent.image.copy(), 1
        if not dropped:
            self._way.append(sent)
        before = self._seen.stamp
        # With a delay that changes, a later picture can overtake: what arrives after a newer one is of no use.
        self._seen = max((one for one in self._way if one.due <= frame), key=lambda one: one.stamp, default=self._seen)
        self._way = [one for one in self._way if one.stamp > self._seen.stamp]
        return self._seen.image.copy(), self._seen.stamp - before
