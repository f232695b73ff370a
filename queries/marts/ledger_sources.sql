-- Files and streams that were read, with bytes, lines, events and what was assumed. One row per
-- (origin, log_file_path).
with

sources as (

    select * from stg_ledger

)

select * from sources
order by origin asc, log_file_path asc
