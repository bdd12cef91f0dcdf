"""One channel's messages through Apprise: whatever service its URL names, from SMTP to a telephone company.

The URL is a pattern: `{to}` is the client's address and `{id}` the message's id, by which the service can
drop a repeat where it knows how to. Apprise only says whether the service took the message. Its calls block,
so each channel has a few threads of its own.
"""

import asyncio
import logging
import warnings
from urllib.parse import quote

from domain.message import Fault
from messages.base import Outgoing
from messages.threads import NoThread, Threads

NOT_TAKEN = Fault("the service did not take it")
SILENT = Fault("no answer in time; it may have gone out")
NOT_BEGUN = Fault("every thread of the channel hangs in an earlier message; nothing went out", begun=False)
NO_THREAD = Fault("the machine has no thread left; nothing went out", begun=False)


_TELLTALES = ("apprise", "urllib3")
"""They log addresses, which are personal, and URLs, which are secret: a token often is part of the path."""


class BadServiceUrl(ValueError):
    """A setting that leads nowhere; the text does not quote it, since it holds a password."""


class AppriseService:
    """Implements `messages.base.MessageService`."""

    def __init__(self, url: str, *, threads: int, timeout_s: float, name: str) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._threads = Threads(threads, f"message-{name}")
        if not is_known(url):
            raise BadServiceUrl(f"Apprise does not know the service of the {name} URL")

    async def send(self, outgoing: Outgoing) -> Fault | None:
        """None when the service took it, else why not."""
        answer: asyncio.Future[bool] | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._threads.begin(lambda: self._notify(outgoing))
                taken = await answer
        except NoThread:
            return NO_THREAD
        except TimeoutError:
            return NOT_BEGUN if answer is None else SILENT
        return None if taken else NOT_TAKEN

    def _notify(self, outgoing: Outgoing) -> bool:
        from apprise import Apprise, AppriseAsset, NotifyFormat

        # In this thread: Apprise's own are shared by all services, and those that hang would stop the others.
        service = Apprise(asset=AppriseAsset(async_mode=False, service_timeout=0))
        if not service.add(address(self._url, outgoing)):
            return False
        return bool(service.notify(body=outgoing.body, title=outgoing.title, body_format=NotifyFormat.TEXT))


def address(pattern: str, outgoing: Outgoing) -> str:
    """The URL for one message; what is put in can change nothing else of it."""
    return pattern.replace("{to}", quote(outgoing.recipient, safe="")).replace("{id}", quote(outgoing.id))


def is_known(pattern: str) -> bool:
    """Apprise understands the URL. The first call imports it: a desk that sends nothing does without."""
    for library in _TELLTALES:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        # Its plugins use what Python announces to retire: nothing to us.
        warnings.simplefilter("ignore")
        from apprise import Apprise

        return bool(Apprise().add(address(pattern, Outgoing("id", "12025550123", "", ""))))
