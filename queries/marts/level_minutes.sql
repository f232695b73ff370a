-- What each class logged at other levels: events of its templates and services that count for
-- another kind, or are ordinary, by minute. One row per (finding_id, bucket_start, window_name,
-- other_kind).
-- Templates without a word are of many things, and tell nothing. `severity_number` is the lowest.
with

events_ as (

    select
        service_name,
        template_id,
        window_name,
        severity_number,
        timestamp,
        coalesce(kind, 'calm') as kind,
        date_trunc('minute', timestamp) as bucket_start
    from stg_events
    where
        window_name is not null and not is_copy and template_id is not null
        and http_response_status_code is null
        and regexp_matches(template, '[A-Za-z]{3}')

),

own as (

    select distinct
        finding_id,
        kind,
        service_name,
        template_id
    from int_finding_events
    where template_id is not null

),

others as (

    select
        service_name,
        template_id,
        window_name,
        kind,
        bucket_start,
        min(severity_number) as severity_number,
        count(*) as event_count,
        min(timestamp) as first_timestamp
    from events_
    group by service_name, template_id, window_name, kind, bucket_start

    union all

    -- Ordinary lines are not kept. Where some are, all are, or these have a trace.
    select
        stg_calm.service_name,
        stg_calm.template_id,
        stg_calm.window_name,
        'calm' as kind,
        stg_calm.bucket_start,
        stg_calm.severity_number,
        stg_calm.event_count,
        stg_calm.first_timestamp
    from stg_calm
    where
        not exists (
            select 1 from events_
            where
                events_.kind = 'calm'
                and events_.template_id = stg_calm.template_id
                and events_.service_name = stg_calm.service_name
        )

),

counted as (

    select
        own.finding_id,
        others.window_name,
        others.bucket_start,
        others.kind as other_kind,
        min(others.severity_number) as severity_number,
        sum(others.event_count)::bigint as event_count,
        min(others.first_timestamp) as first_timestamp
    from own
    inner join others
        on
            own.service_name = others.service_name
            and own.template_id = others.template_id
            and own.kind <> others.kind
    group by own.finding_id, others.window_name, others.bucket_start, others.kind

)

select * from counted
order by finding_id asc, window_name asc, bucket_start asc, other_kind asc
