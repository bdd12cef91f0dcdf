"""Messages and webhooks: the services that they use, retries and retention."""

from datetime import time

from pydantic import Field, SecretStr

from domain.message import Channel
from gateway.sections.types import (
    Count,
    Days,
    Hours,
    Listed,
    Seconds,
    SecondsOrZero,
    Section,
    TimeOfDay,
)


class OutboundSettings(Section):
    """Messages and webhooks: the services that they use, retries and retention."""

    message_push_url: SecretStr | None = Field(
        None, description="Apprise URL of the push service, with `{to}` for the client's push id."
    )
    message_sms_url: SecretStr | None = Field(
        None,
        description="Apprise URL of the text message service, with `{to}` for the client's telephone number.",
    )
    message_email_url: SecretStr | None = Field(
        None, description="Apprise URL of the e-mail service, with `{to}` for the client's e-mail address."
    )
    message_voice_url: SecretStr | None = Field(
        None,
        description="Apprise URL of the voice call service, with `{to}` for the client's telephone number.",
    )
    message_automatic_channels: Listed[Channel] = Field(
        (),
        description="Channels of automatic messages in order of preference, such as `EMAIL,SMS`; empty "
        "switches automatic messages off.",
    )
    message_daily_from: TimeOfDay = Field(
        time(9, 0),
        description="Earliest time of day for reminders, in the time zone of the account's market.",
    )
    message_figures_max_age_s: Seconds = Field(
        3600,
        description="Maximum age of an amount in a letter, in seconds during which its prices have traded "
        "on; an older amount waits for newer prices.",
    )
    message_price_wait_s: SecondsOrZero = Field(
        600,
        description="How long, in seconds, an automatic letter waits for a price or rate that its amount "
        "lacks; then it is sent and names what is missing.",
    )
    message_lifetime_hours: Hours = Field(
        24, description="How long, in hours, a message may remain unsent until it expires."
    )
    message_retention_days: Days = Field(
        400,
        description="Days after the closing of its case until a message is deleted; messages of live cases "
        "are kept.",
    )
    message_sweep_interval_s: Seconds = Field(
        15,
        description="Interval, in seconds, at which the desk looks for clients to whom an automatic message "
        "is due.",
    )
    message_poll_interval_s: Seconds = Field(
        0.5, description="Interval, in seconds, at which each channel looks for messages that are due."
    )
    message_concurrency: Count = Field(
        4, description="Maximum number of messages, and of threads, that one channel sends at the same time."
    )
    message_timeout_s: Seconds = Field(
        15, description="How long, in seconds, the desk waits for a message service to answer."
    )
    message_attempts: Count = Field(8, description="Maximum number of attempts to send one message.")
    message_retry_first_s: Seconds = Field(
        5,
        description="Wait, in seconds, after the first failed attempt to send a message; it doubles with "
        "each further one.",
    )
    message_retry_longest_s: Seconds = Field(
        900, description="Longest wait, in seconds, between two attempts to send a message."
    )
    message_circuit_failures: Count = Field(
        5,
        description="Number of failures in a row after which a channel is tried only at the interval "
        "`GATEWAY_MESSAGE_CIRCUIT_PAUSE_S`.",
    )
    message_circuit_pause_s: Seconds = Field(
        60, description="Interval, in seconds, between attempts of a channel that keeps failing."
    )
    webhook_secret_key: SecretStr | None = Field(
        None,
        description="Key from which the secrets of webhooks are derived, at least 32 bytes in production; "
        "default: `GATEWAY_AUTH_SECRET`.",
    )
    webhook_secret_overlap_hours: Hours = Field(
        24, description="How long, in hours, the old secret of a webhook also signs after a rotation."
    )
    webhook_old_secrets_max: Count = Field(
        3, description="Maximum number of old secrets of a webhook that sign beside the newest one."
    )
    webhook_allow_http: bool = Field(
        False,
        description="Whether the URL of a webhook may begin with `http://`, for receivers on the same "
        "machine.",
    )
    webhook_allow_private: bool = Field(
        False, description="Whether a webhook may lead to an address that is not public."
    )
    webhook_timeout_s: Seconds = Field(
        10, description="How long, in seconds, the desk waits for the receiver of a webhook to answer."
    )
    webhook_retry_first_s: Seconds = Field(
        1,
        description="Wait, in seconds, after the first failed delivery to a webhook; it doubles with each "
        "further one.",
    )
    webhook_retry_longest_s: Seconds = Field(
        300, description="Longest wait, in seconds, between two deliveries of the same event to a webhook."
    )
    webhook_disable_after_hours: Hours = Field(
        12,
        description="Hours of uninterrupted failure after which a webhook is disabled; must be below "
        "`GATEWAY_OUTBOX_RETENTION_HOURS`.",
    )
    webhook_poll_interval_s: Seconds = Field(
        0.25, description="Interval, in seconds, at which the desk looks for events to deliver to webhooks."
    )
    webhook_batch: Count = Field(
        100, description="Maximum number of events that are read together for one webhook."
    )
    webhooks_max: Count = Field(50, description="Maximum number of webhooks of the whole desk.")
    webhooks_max_per_subject: Count = Field(5, description="Maximum number of webhooks of one subject.")

    @property
    def message_urls(self) -> dict[Channel, str]:
        """The Apprise URL of every channel that has one; these hold passwords."""
        urls = {
            Channel.PUSH: self.message_push_url,
            Channel.SMS: self.message_sms_url,
            Channel.EMAIL: self.message_email_url,
            Channel.VOICE: self.message_voice_url,
        }
        return {channel: url.get_secret_value() for channel, url in urls.items() if url is not None}
