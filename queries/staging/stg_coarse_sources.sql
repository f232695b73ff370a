-- Files and formats whose own times are whole seconds, as those of access logs are.
-- One row per (log_file_path, format_name).
with

source as (

    select
        log_file_path,
        format_name,
        timestamp
    from events
    where time_source = 'payload' and observed_timestamp is not null

),

coarse as (

    select
        log_file_path,
        format_name
    from source
    group by log_file_path, format_name
    having bool_and(timestamp = date_trunc('second', timestamp))

)

select * from coarse
