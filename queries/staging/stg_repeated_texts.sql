-- Texts that several files hold: what may have been read twice. One row per text_key.
-- `text_key` is a hash of origin, service, container, stream, time and text.
with

source as (

    select
        log_file_path,
        hash(
            origin, service_name, container_name, log_iostream, timestamp, body
        ) as text_key
    from events
    where timestamp is not null

),

repeated as (

    select
        text_key,
        count(*) as event_count
    from source
    group by text_key
    having min(log_file_path) <> max(log_file_path)

)

select * from repeated
