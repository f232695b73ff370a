-- Requests of the candidate window that a line says began, and no line under their id that they
-- ended. One row per (service_name, http_request_method, url_path), at most 2,000 of them.
-- Ordinary lines are there with `--events all` only. A service counts when it says of at least five
-- requests that they began and that they ended; the last minute of the data may still be running.
with

events_ as (

    select
        service_name,
        timestamp,
        http_response_status_code,
        http_route,
        coalesce(request_id, trace_id) as correlation_id,
        coalesce(http_request_method, '') as http_request_method,
        regexp_extract(
            body,
            '\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) "?'
            || '(/(?:[A-Za-z0-9._~%!$&*+,;=:@/-]{0,200}[A-Za-z0-9_~/-])?)',
            ['named_method', 'named_path']
        ) as found,
        regexp_matches(
            body, '(?i)\b(?:start(?:ed|ing)?|began|begin(?:ning|s)?|incoming|received)\b'
        ) as says_begin,
        http_response_status_code is not null
        or regexp_matches(
            body, '(?i)\b(?:finish(?:ed)?|completed?|ended|done|responded|failed|sent)\b'
        ) as says_end
    from stg_events
    where
        window_name = 'candidate'
        and coalesce(request_id, trace_id) is not null
        and not is_copy

),

begun as (

    select
        service_name,
        correlation_id,
        min(timestamp) as begin_at,
        arg_min(
            case when http_route is null then found['named_method'] else http_request_method end,
            timestamp
        ) as http_request_method,
        arg_min(coalesce(http_route, found['named_path']), timestamp) as url_path
    from events_
    where
        says_begin
        and http_response_status_code is null
        and (http_route is not null or found['named_path'] != '')
    group by service_name, correlation_id

),

ended as (

    select
        service_name,
        correlation_id,
        max(timestamp) as end_at
    from events_
    where says_end
    group by service_name, correlation_id

),

latest as (

    select max(timestamp) as last_at
    from events_

),

paired as (

    select
        begun.*,
        ended.end_at is not null and ended.end_at >= begun.begin_at as is_ended,
        count(*) filter (where ended.end_at >= begun.begin_at)
            over (partition by begun.service_name) as paired_count
    from begun
    left join ended
        on
            begun.service_name = ended.service_name
            and begun.correlation_id = ended.correlation_id
    cross join latest
    where begun.begin_at < latest.last_at - interval 60 second

),

counted as (

    select
        service_name,
        http_request_method,
        url_path,
        count(*) as begun_count,
        count(*) filter (where not is_ended) as unfinished_count
    from paired
    where paired_count >= 5
    group by service_name, http_request_method, url_path

),

ranked as (

    select
        *,
        row_number() over (
            order by
                unfinished_count desc,
                service_name asc,
                url_path asc,
                http_request_method asc
        ) as place
    from counted

),

bounded as (

    select * exclude (place)
    from ranked
    where place <= 2000

)

select * from bounded
order by unfinished_count desc, service_name asc, url_path asc, http_request_method asc
