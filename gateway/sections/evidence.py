"""The past: what is kept and shown of it."""

from pydantic import Field

from gateway.sections.types import Count, Listed, Seconds, Section


class EvidenceSettings(Section):
    """The past: what is kept and shown of it."""

    audit_chain_interval_s: Seconds = Field(
        1, description="How often, in seconds, committed audit rows are put into the hash chain."
    )
    audit_chain_batch: Count = Field(500, description="The most audit rows chained in one transaction.")
    aging_bucket_days: Listed[Count] = Field(
        (1, 3, 15, 90),
        min_length=1,
        description="The last days of the aging buckets but for the last one, which has no end.",
    )
    report_max_cases: Count = Field(
        100_000, description="The most cases that one exported report may be about; a longer one is refused."
    )
    daily_snapshot_interval_s: Seconds = Field(
        5, description="How often, in seconds, the desk looks whether daily snapshots are due."
    )
    daily_snapshot_batch: Count = Field(
        50, description="Of how many accounts the cases are snapshot in one transaction, under their locks."
    )
