-- What was read, and where every line of it went. One row per (origin, log_file_path).
with

source as (

    select * from ledger

),

renamed as (

    select
        origin,
        log_file_path,
        service_name,
        byte_count,
        line_count,
        event_count,
        event_line_count,
        blank_line_count,
        unparsed_event_count,
        undecodable_byte_count,
        format_names,
        encoding,
        first_timestamp,
        last_timestamp,
        time_zone_assumption,
        time_notes,
        partial_joined_count,
        sha256_head,
        error,
        truncated_line_count,
        nul_byte_count,
        is_reversed,
        notes,
        redactions
    from source

)

select * from renamed
