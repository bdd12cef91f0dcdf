"""Evidence for auditors: snapshots, the audit chain, records and reports."""
