"""Campaigns: products, audiences, placements and languages become finished ads."""
