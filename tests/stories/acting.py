"""A thread of a story that does one act after another, and tells the test what went wrong."""

import threading


class Acting(threading.Thread):
    """Does one act after another until it is told to finish."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.error: BaseException | None = None
        self._finish = threading.Event()

    def act(self) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        """What is still to be done when it is told to finish."""

    def run(self) -> None:
        try:
            while not self._finish.is_set():
                self.act()
            self.leave()
        except BaseException as error:  # noqa: BLE001 - told to the test by `finish`
            self.error = error

    def finish(self, seconds: float) -> None:
        self._finish.set()
        self.join(seconds)
        if self.error is not None:
            raise self.error
        assert not self.is_alive(), f"{self.name} does not come to an end"
