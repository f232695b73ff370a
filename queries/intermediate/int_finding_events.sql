-- Events that findings are made of, with the finding's key. One row per event in a window.
-- A rule names errors and does not merge different ones: exception or template stay in the key.
with

events_ as (

    select * from stg_events

),

relevant as (

    select * from events_
    where kind is not null and window_name is not null and not is_copy

),

keyed as (

    select
        *,
        case
            when kind = 'failed_request' then http_response_status_code::varchar
            when error_class is not null then coalesce(exception_type, template_id)
            else coalesce(fingerprint, template_id)
        end as detail
    from relevant

),

identified as (

    select
        *,
        substr(
            md5(concat_ws(chr(31), kind, coalesce(error_class, '-'), coalesce(detail, '-'))), 1, 12
        ) as finding_id
    from keyed

)

select * from identified
