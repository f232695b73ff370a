-- How often one failure is logged: events of each class by distinct text and by distinct request.
-- One row per (finding_id, window_name).
-- `usual_size` is how often most texts stand there at once, and `usual_unit_count` the number of
-- texts that do; `far_count` events are more than a day from their envelope's time.
with

events_ as (

    select * from int_event_units

),

units as (

    select
        finding_id,
        window_name,
        body_hash,
        unit_number,
        count(*) as unit_size
    from events_
    group by finding_id, window_name, body_hash, unit_number

),

sizes as (

    select
        finding_id,
        window_name,
        count(*) as unit_count,
        mode(unit_size order by unit_size asc) as usual_size
    from units
    group by finding_id, window_name

),

usual as (

    select
        units.finding_id,
        units.window_name,
        count(*) as usual_unit_count
    from units
    inner join sizes
        on
            units.finding_id = sizes.finding_id
            and units.window_name = sizes.window_name
            and units.unit_size = sizes.usual_size
    group by units.finding_id, units.window_name

),

counted as (

    select
        finding_id,
        window_name,
        count(*) as event_count,
        count(*) filter (where is_precise) as precise_count,
        count(*) filter (where is_far) as far_count,
        count(*) filter (where of_request is not null) as request_event_count,
        count(*) filter (where of_request = 1) as request_count
    from events_
    group by finding_id, window_name

),

joined as (

    select
        counted.*,
        sizes.unit_count,
        sizes.usual_size,
        usual.usual_unit_count
    from counted
    inner join sizes
        on
            counted.finding_id = sizes.finding_id
            and counted.window_name = sizes.window_name
    inner join usual
        on
            counted.finding_id = usual.finding_id
            and counted.window_name = usual.window_name

)

select * from joined
order by finding_id asc, window_name asc
