"""Audit and reports: the audit chain, daily snapshots and exports."""

from pydantic import Field

from gateway.sections.types import Count, Days, Listed, Seconds, Section


class EvidenceSettings(Section):
    """Audit and reports: the audit chain, daily snapshots and exports."""

    audit_chain_interval_s: Seconds = Field(
        1, description="Interval, in seconds, at which committed audit rows are added to the hash chain."
    )
    audit_chain_batch: Count = Field(
        500, description="Maximum number of audit rows that are added to the hash chain in one transaction."
    )
    aging_bucket_days: Listed[Days] = Field(
        (1, 3, 15, 90),
        min_length=1,
        description="Last day of each aging bucket, in ascending order; the final bucket after them has no "
        "end.",
    )
    report_max_cases: Count = Field(
        100_000, description="Maximum number of cases in one exported report; a larger report is refused."
    )
    daily_snapshot_interval_s: Seconds = Field(
        5, description="Interval, in seconds, at which the desk looks for daily snapshots that are due."
    )
    daily_snapshot_batch: Count = Field(
        50,
        description="Number of accounts whose cases get their daily snapshots in one transaction, which "
        "locks these accounts.",
    )
