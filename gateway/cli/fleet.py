"""Several processes on one port: each is a complete desk process, and any of them serves any subscriber.

The parent binds the port, and that of the metrics if they have one, starts the workers with the listening
sockets, replaces a worker that died, and forwards signals: SIGTERM and SIGINT stop all workers, SIGHUP
replaces one after the other, so that a new version takes over while the port is always served. A version that
does not start replaces nothing, a fleet of which no worker starts within `START_TIMEOUT_S` ends, and workers
whose parent has died stop.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from types import FrameType

import structlog

from domain.backoff import backoff
from gateway.startup.preparation import CannotStart
from gateway.watch.samples import SampleDirectory

log = structlog.get_logger()

POLL_S = 0.1
PARENT_POLL_S = 1.0
START_TIMEOUT_S = 120.0
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 10.0


class Fleet:
    """`run` returns when every worker has stopped, with the signal that requested it."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        workers: int,
        arguments: list[str],
        stop_timeout_s: float,
        samples: SampleDirectory,
    ) -> None:
        self._listeners = listeners
        self._samples = samples
        self._numbers = count(1)
        self._count = workers
        self._arguments = arguments
        self._stop_timeout_s = stop_timeout_s
        self._workers: list[_Worker] = []
        self._stopped_by: signal.Signals | None = None
        self._rolling = False
        self._deaths = 0
        """Deaths in a row, without a worker that serves in between."""

    def run(self, announce: Callable[[], None]) -> signal.Signals:
        """Run until SIGTERM or SIGINT; returns which of the two. Calls `announce` once a worker serves.

        Raises `CannotStart`, with every worker stopped, if none serves.
        """
        for listener in self._listeners:
            listener.set_inheritable(True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._roll)
        self._workers = [self._start() for _ in range(self._count)]
        self._await_started(self._workers)
        if not self._stopping:
            self._require_one_that_serves()
            announce()
        while self._stopped_by is None:
            self._replace_dead()
            if self._rolling:
                self._rolling = False
                self._replace_all()
            time.sleep(POLL_S)
        self._end(self._workers)
        return self._stopped_by

    @property
    def _stopping(self) -> bool:
        return self._stopped_by is not None

    def _start(self) -> "_Worker":
        number = next(self._numbers)
        ready, started = os.pipe()
        inherited = [listener.fileno() for listener in self._listeners]
        command = [
            sys.executable,
            "-m",
            "gateway",
            "serve",
            *self._arguments,
            *(part for each in inherited for part in ("--listener", str(each))),
            "--tell",
            str(started),
            "--samples",
            str(self._samples.of(number).file),
        ]
        process = subprocess.Popen(command, pass_fds=(*inherited, started))
        os.close(started)
        os.set_blocking(ready, False)
        log.info("worker started", worker=process.pid)
        return _Worker(process, ready, number)

    def _await_started(self, workers: list["_Worker"]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._stopping and time.monotonic() < deadline:
            if all(worker.serves() or worker.dead for worker in workers):
                return
            time.sleep(POLL_S)

    def _require_one_that_serves(self) -> None:
        if any(worker.serves() for worker in self._workers):
            return
        codes = ", ".join(str(worker.process.returncode) for worker in self._workers if worker.dead)
        how = f"ended with {codes}" if codes else f"none serves after {START_TIMEOUT_S:g} s"
        self._end(self._workers)
        raise CannotStart(f"No worker could start ({how}): look at the lines that the workers logged before.")

    def _replace_dead(self) -> None:
        for number, worker in enumerate(self._workers):
            if worker.dead and not self._stopping:
                log.error("worker died", worker=worker.process.pid, code=worker.process.returncode)
                self._close(worker, died=True)
                self._deaths += 1
                self._pause(backoff(FIRST_WAIT_S, MAX_WAIT_S, self._deaths))
                self._workers[number] = self._start()
            elif worker.serves():
                self._deaths = 0

    def _replace_all(self) -> None:
        """The new worker serves before the old one stops."""
        for number, old in enumerate(list(self._workers)):
            new = self._start()
            self._await_started([new])
            if not new.serves():
                log.error("the new worker does not serve: the old workers stay", worker=new.process.pid)
                self._end([new])
                return
            self._workers[number] = new
            self._end([old])

    def _pause(self, seconds: float) -> None:
        """Wait, unless all workers are to stop."""
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(POLL_S)

    def _end(self, workers: list["_Worker"]) -> None:
        for worker in workers:
            if not worker.dead:
                worker.process.send_signal(signal.SIGTERM)
        for worker in workers:
            try:
                worker.process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                log.error("worker did not stop and is killed", worker=worker.process.pid)
                worker.process.kill()
                worker.process.wait()
            self._close(worker, died=False)

    def _close(self, worker: "_Worker", *, died: bool) -> None:
        worker.close()
        try:
            self._samples.retire(worker.number, died=died)
        # A worker of another version may write other files; the parent goes on in any case.
        except (OSError, ValueError, LookupError, TypeError) as unusable:
            log.error(
                "the metrics of a worker that ended are lost",
                worker=worker.process.pid,
                error=str(unusable),
            )

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopped_by = self._stopped_by or signal.Signals(number)

    def _roll(self, _: int, __: FrameType | None) -> None:
        self._rolling = True


def stop_without_parent() -> None:
    """In a worker: turn the end of the parent, whatever its cause, into a SIGTERM."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


class _Worker:
    def __init__(self, process: subprocess.Popen[bytes], ready: int, number: int) -> None:
        self.process = process
        self.number = number
        self._ready = ready
        self._serves = False

    @property
    def dead(self) -> bool:
        return self.process.poll() is not None

    def serves(self) -> bool:
        """Whether it has reported that it answers requests."""
        if not self._serves:
            try:
                self._serves = bool(os.read(self._ready, 1))
            except BlockingIOError:
                pass
        return self._serves

    def close(self) -> None:
        os.close(self._ready)
