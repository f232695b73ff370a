-- Values that events of findings carry: what may tell them apart from others.
-- One row per event and value. `detail`: the first quoted text that the template does not have.
with

events_ as (

    select * from int_finding_events

),

attributes_ as (

    select
        finding_id,
        window_name,
        unnest(attributes) as entry
    from events_

),

quotes as (

    select
        finding_id,
        window_name,
        template,
        regexp_extract(
            coalesce(exception_message, split_part(body, chr(10), 1)),
            '["''`]([^"''`\n]{1,80})["''`]', 1
        ) as quoted
    from events_
    where kind <> 'failed_request'

),

collected as (

    select
        finding_id,
        window_name,
        'service' as value_kind,
        service_name as value_text
    from events_

    union all

    select
        finding_id,
        window_name,
        'container' as value_kind,
        container_name as value_text
    from events_

    union all

    select
        finding_id,
        window_name,
        'endpoint' as value_kind,
        concat_ws(' ', http_request_method, http_route) as value_text
    from events_
    where http_route is not null

    union all

    select
        finding_id,
        window_name,
        'detail' as value_kind,
        quoted as value_text
    from quotes
    where not contains(coalesce(template, ''), quoted)

    union all

    select
        finding_id,
        window_name,
        entry['attribute_name'] as value_kind,
        entry['attribute_value'] as value_text
    from attributes_

)

select * from collected
where value_text <> ''
