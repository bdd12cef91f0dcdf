"""The way out: messages to clients, and webhooks."""

from datetime import time

from pydantic import Field, SecretStr

from domain.message import Channel
from gateway.sections.types import Count, Listed, Seconds, SecondsOrZero, Section, TimeOfDay


class OutwardSettings(Section):
    """The way out: messages to clients, and webhooks."""

    message_push_url: SecretStr | None = Field(
        None, description="The Apprise URL of push messages, with `{to}` for the client's push id."
    )
    message_sms_url: SecretStr | None = Field(
        None, description="The Apprise URL of text messages, with `{to}` for the telephone number."
    )
    message_email_url: SecretStr | None = Field(
        None, description="The Apprise URL of e-mail, with `{to}` for the address."
    )
    message_voice_url: SecretStr | None = Field(
        None, description="The Apprise URL of voice calls, with `{to}` for the telephone number."
    )
    message_automatic_channels: Listed[Channel] = Field(
        (),
        description="The channels of automatic messages, best first, such as `EMAIL,SMS`; none: off.",
    )
    message_daily_from: TimeOfDay = Field(
        time(9, 0), description="From when on reminders go out, local to the account's market."
    )
    message_figures_max_age_s: Seconds = Field(
        3600,
        description="The oldest amount in a letter, in seconds that prices have traded on since then; an "
        "older one waits for newer prices.",
    )
    message_price_wait_s: SecondsOrZero = Field(
        600,
        description="For how many seconds at most an automatic letter waits for a price or rate that its "
        "amount lacks; then it goes out and names it.",
    )
    message_lifetime_hours: Count = Field(
        24, description="After how many hours a message that was not sent is given up."
    )
    message_retention_days: Count = Field(
        400,
        description="How many days after its case was closed a message is kept; of a live case, for ever.",
    )
    message_sweep_interval_s: Seconds = Field(
        15, description="How often, in seconds, the desk looks for clients who are to be told something."
    )
    message_poll_interval_s: Seconds = Field(
        0.5, description="How often, in seconds, each channel looks for messages that are due."
    )
    message_concurrency: Count = Field(
        4, description="The most messages, and threads, that one channel sends at once."
    )
    message_timeout_s: Seconds = Field(
        15, description="For how many seconds a message service is waited for."
    )
    message_attempts: Count = Field(8, description="The most attempts to send one message.")
    message_retry_first_s: Seconds = Field(
        5, description="How many seconds after a failed attempt the second one follows; then it doubles."
    )
    message_retry_longest_s: Seconds = Field(
        900, description="The longest wait, in seconds, between two attempts to send a message."
    )
    message_circuit_failures: Count = Field(
        5, description="After how many failures in a row a channel is only tried now and then."
    )
    message_circuit_pause_s: Seconds = Field(
        60, description="How many seconds lie between two tries of a channel that fails."
    )
    webhook_secret_key: SecretStr | None = Field(
        None,
        description="What webhooks' secrets are derived from, 32 bytes or more; default: the auth secret.",
    )
    webhook_secret_overlap_hours: Count = Field(
        24, description="For how many hours a webhook's old secret signs beside the new one after a rotation."
    )
    webhook_old_secrets_max: Count = Field(
        3, description="The most old secrets that sign beside the newest one of a webhook."
    )
    webhook_allow_http: bool = Field(
        False, description="Whether a webhook's URL may begin with http://, for receivers on this machine."
    )
    webhook_allow_private: bool = Field(
        False, description="Whether a webhook may lead to an address that is not public."
    )
    webhook_timeout_s: Seconds = Field(
        10, description="For how many seconds the receiver of a webhook is waited for."
    )
    webhook_retry_first_s: Seconds = Field(
        1, description="How many seconds after a failed delivery the next try follows; then it doubles."
    )
    webhook_retry_longest_s: Seconds = Field(
        300, description="The longest wait, in seconds, between two tries to deliver."
    )
    webhook_disable_after_hours: Count = Field(
        12, description="A webhook that fails for so many hours is disabled; below the outbox's retention."
    )
    webhook_poll_interval_s: Seconds = Field(
        0.25, description="How often, in seconds, the desk looks for events that webhooks have not got."
    )
    webhook_batch: Count = Field(100, description="The most events read at a time for one webhook.")
    webhooks_max: Count = Field(50, description="The most webhooks of the whole desk.")
    webhooks_max_per_subject: Count = Field(5, description="The most webhooks of one subject.")

    @property
    def message_urls(self) -> dict[Channel, str]:
        """The Apprise URL of every channel that has one. Secret."""
        urls = {
            Channel.PUSH: self.message_push_url,
            Channel.SMS: self.message_sms_url,
            Channel.EMAIL: self.message_email_url,
            Channel.VOICE: self.message_voice_url,
        }
        return {channel: url.get_secret_value() for channel, url in urls.items() if url is not None}
