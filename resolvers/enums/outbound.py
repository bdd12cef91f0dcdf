"""Messages to clients, and webhooks."""

from domain.message import Channel, Language, MessageStatus, MessageTemplate
from domain.webhook import WebhookEvent, WebhookStatus
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    Channel: (
        "The channel by which a client receives messages.",
        {
            "PUSH": "A push notification on the client's device.",
            "SMS": "A text message to the client's phone.",
            "EMAIL": "An e-mail to the client's address.",
            "VOICE": "A voice call to the client's phone.",
        },
    ),
    Language: (
        "The language of messages to a client, and of follow-up records by the desk.",
        {
            "ENGLISH": "English (en), also used for a text that is missing in another language.",
            "SIMPLIFIED_CHINESE": "Simplified Chinese, 简体中文 (zh-Hans).",
            "TRADITIONAL_CHINESE": "Traditional Chinese, 繁體中文 (zh-Hant).",
        },
    ),
    MessageTemplate: (
        "The template of a message, which determines its text.",
        {
            "MARGIN_CALL": "The first notice: the money or stock that is demanded, and the deadline.",
            "REMINDER": "A reminder that the demand still stands.",
            "FORCE_CLOSE_WARNING": "The last notice before the desk may trade.",
            "SOLD": (
                "A report of the trades for the case so far. Refused with TEMPLATE_UNFIT if nothing was "
                "traded."
            ),
            "CURED": (
                "A notice that nothing is owed any longer. Refused with NOT_CURED unless the case is "
                "RESOLVED."
            ),
            "WITHDRAWN": (
                "A notice that the call is withdrawn. Refused with TEMPLATE_UNFIT unless the case is VOID."
            ),
            "FREE_TEXT": "A free text written by an operator.",
        },
    ),
    MessageStatus: (
        "The status of a message.",
        {
            "QUEUED": (
                "The message waits: to be sent, for the end of the quiet hours, or for another attempt."
            ),
            "SENT": (
                "The service of the channel accepted the message. Whether the client received it is not "
                "known."
            ),
            "FAILED": "Every attempt failed, or the client had no address on the channel.",
            "EXPIRED": "The latest time to send passed, or the case no longer called for the message.",
        },
    ),
    WebhookStatus: (
        "The delivery status of a webhook.",
        {
            "ACTIVE": "Events are delivered to the endpoint.",
            "DISABLED": "Deliveries have stopped. They continue when the owner calls replayWebhook.",
        },
    ),
    WebhookEvent: (
        "The kind of event that a webhook receives.",
        {
            "CASE_OPENED": "A case was opened.",
            "CASE_UPDATED": (
                "The figures of a case changed (sent at most once a second for each case), or an operator "
                "changed it without a change of its status."
            ),
            "CASE_STATUS_CHANGED": "The status of a case changed.",
            "CASE_CLOSED": "A case was closed.",
            "ORDER_CREATED": "A liquidation order was recorded.",
            "ORDER_STATUS_CHANGED": "The status of an order changed.",
            "ORDER_FILL": "An order was executed in part or in full.",
            "ORDER_CANCEL_REJECTED": "The venue rejected the cancel of an order.",
            "ORDER_LATE_FILL": "The venue reported an execution of an order that had already ended.",
        },
    ),
}
