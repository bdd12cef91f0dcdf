"""What an auditor reads later: snapshots, the audit chain, records and reports."""
