-- Paths of requests that errors and warnings of the candidate window name in their text.
-- One row per (service_name, http_request_method, url_path), at most 2,000 of them.
with

events_ as (

    select
        service_name,
        http_route,
        coalesce(http_request_method, '') as http_request_method,
        regexp_extract(
            body,
            '\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) "?'
            || '(/(?:[A-Za-z0-9._~%!$&*+,;=:@/-]{0,200}[A-Za-z0-9_~/-])?)',
            ['named_method', 'named_path']
        ) as found
    from stg_events
    where
        window_name = 'candidate'
        and http_response_status_code is null
        and severity_number >= 13
        and not is_copy
        and (http_route is not null or contains(body, ' /') or contains(body, ' "/'))

),

named as (

    select
        service_name,
        case
            when http_route is null then found['named_method'] else http_request_method
        end as http_request_method,
        coalesce(http_route, found['named_path']) as url_path
    from events_

),

counted as (

    select
        service_name,
        http_request_method,
        url_path,
        count(*) as mention_count
    from named
    where url_path != ''
    group by service_name, http_request_method, url_path

),

ranked as (

    select
        *,
        row_number() over (
            order by
                mention_count desc,
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
order by mention_count desc, service_name asc, url_path asc, http_request_method asc
