-- Files and streams that were read, with bytes, lines, events and what was assumed, in the order of
-- reading. One row per (origin, log_file_path).
with

sources as (

    select * from stg_ledger

)

select * from sources
