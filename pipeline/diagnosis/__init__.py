"""From counts and tests to what a report can say: windows, coverage, findings, chain, endpoints,
plan.

Tables and values in, values out: no files, no SQL, no clock. `orchestrate` brings the tables of
`queries/` and the tests of `detection` together here.
"""
