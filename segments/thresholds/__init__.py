"""Thresholds taken from the population: measured on a schedule, kept as snapshots, let in by a band or by somebody.

    due ─> measure (one query per column, whatever number of percentiles) ─> snapshots, append-only
        ─> decide  (too close: kept; inside the author's band: refreshed; outside: asked, and somebody else decides)
        ─> publishing notices that a rule goes by another value: a new epoch, and only who lies between is looked at

A snapshot decides nothing by itself: for every threshold of every version a row says which snapshot it goes by, and who
let it. So two rules over the same column may go by different snapshots, each by its own author's band.
"""
