-- Notices that lines were left out: of rate limits, sampling, full buffers and repeated messages.
-- One row per (service_name, window_name). `lost_count` sums the numbers that they state, and
-- `stated_count` counts the notices that state one. A notice of the journal names whose lines
-- it left out.
with

events_ as (

    select
        service_name,
        window_name,
        body
    from stg_events
    where
        window_name is not null and not is_copy and http_response_status_code is null
        and regexp_matches(body, '(?i)suppress|repeat|dropp|lost|rate.?limit|sampl')

),

read_ as (

    select
        service_name,
        window_name,
        body,
        regexp_extract(body, '(?i)\bmessage repeated (\d{1,12}) times?\b', 1) as repeated,
        regexp_extract(body, '(?i)\bsuppressed (\d{1,12}) (?:log )?messages?\b', 1) as suppressed,
        regexp_extract(
            body,
            '(?i)\b(?:dropp(?:ed|ing)|lost|discarded|skipped) (\d{1,12}) (?:log )?'
            '(?:messages?|lines?|entries|events|records)\b',
            1
        ) as dropped,
        regexp_extract(
            body,
            '(?i)\b(\d{1,12}) (?:log )?(?:messages?|lines?|entries|events|records) '
            '(?:were |was |have been )?(?:dropped|lost|suppressed|discarded|sampled out)\b',
            1
        ) as were_dropped,
        regexp_matches(
            body,
            '(?i)\b(?:begin(?:ning)? to drop (?:log )?messages|drop(?:ping|ped) (?:log )?'
            '(?:messages|lines|entries)|(?:log(?:s|ging)?|messages|lines) (?:is|are|was|were|being)'
            ' (?:being )?(?:dropped|sampled|rate.?limited|suppressed)|log sampling enabled)\b'
        ) as is_vague,
        regexp_extract(
            body,
            '(?i)\bsuppressed \d{1,12} messages from ([\w@.-]{1,80}?)(?:\.service)?(?:\s|$)',
            1
        ) as named_service
    from events_

),

stated as (

    select
        window_name,
        is_vague,
        coalesce(nullif(named_service, ''), service_name) as service_name,
        coalesce(
            nullif(repeated, ''), nullif(suppressed, ''), nullif(dropped, ''),
            nullif(were_dropped, '')
        )::bigint as lost_count
    from read_

),

counted as (

    select
        service_name,
        window_name,
        count(*) as notice_count,
        count(lost_count) as stated_count,
        coalesce(sum(lost_count), 0)::bigint as lost_count
    from stated
    where lost_count is not null or is_vague
    group by service_name, window_name

)

select * from counted
order by service_name asc, window_name asc
