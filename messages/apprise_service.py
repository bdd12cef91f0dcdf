"""The messages of one channel through Apprise: any service that its URL names, from SMTP to an SMS provider.

The URL is a pattern: `{to}` is the client's address and `{id}` the message's id, by which a service may drop
a repeat. Apprise only returns whether the service accepted the message. Its calls block, so each channel has
a few threads of its own.
"""

import asyncio
import logging
import warnings
from urllib.parse import quote

from domain.message import Fault
from messages.base import Outgoing
from messages.threads import NoThread, Threads

NOT_TAKEN = Fault("the service did not accept the message")
SILENT = Fault("no answer in time; the message may have been sent")
NOT_BEGUN = Fault("every thread of the channel is stuck in an earlier message; nothing was sent", begun=False)
NO_THREAD = Fault("the machine cannot start another thread; nothing was sent", begun=False)


_TELLTALES = ("apprise", "urllib3")
"""Loggers of addresses, which are personal data, and of URLs, whose paths often contain secret tokens."""


class BadServiceUrl(ValueError):
    """A URL in the settings that cannot be used; the message does not quote it, since it contains a
    password.
    """


class AppriseService:
    """Implements `messages.base.MessageService`."""

    def __init__(self, url: str, *, threads: int, timeout_s: float, name: str) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._threads = Threads(threads, f"message-{name}")
        if not is_known(url):
            raise BadServiceUrl(f"Apprise does not support the service of the {name} URL")

    async def send(self, outgoing: Outgoing) -> Fault | None:
        """None if the service accepted the message, otherwise why not."""
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

        # In this thread: Apprise's own pool is shared by all services, and hanging ones would block the
        # others.
        service = Apprise(asset=AppriseAsset(async_mode=False, service_timeout=0))
        if not service.add(address(self._url, outgoing)):
            return False
        return bool(service.notify(body=outgoing.body, title=outgoing.title, body_format=NotifyFormat.TEXT))


def address(pattern: str, outgoing: Outgoing) -> str:
    """The URL for one message; the inserted values are quoted and cannot change the rest of it."""
    return pattern.replace("{to}", quote(outgoing.recipient, safe="")).replace("{id}", quote(outgoing.id))


def is_known(pattern: str) -> bool:
    """Whether Apprise understands the URL. The first call imports Apprise, which a desk without messages does
    not need.
    """
    for library in _TELLTALES:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        # Its plugins use features that Python has deprecated, which does not concern the desk.
        warnings.simplefilter("ignore")
        from apprise import Apprise

        return bool(Apprise().add(address(pattern, Outgoing("id", "12025550123", "", ""))))
