-- What captured files say of containers, pods, nodes, disks and probes, with the file of each.
-- One row per (file_name, record_number, measure).
with

measured as (

    select * from stg_measures

),

files as (

    select * from stg_facts

),

joined as (

    select
        measured.*,
        files.kind,
        files.sha256,
        files.captured_at
    from measured
    inner join files on measured.file_name = files.file_name

)

select * from joined
order by file_name asc, record_number asc, measure asc
