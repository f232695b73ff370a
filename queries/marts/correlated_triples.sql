-- Three classes that rose and occur under the same request or trace ids of the candidate window.
-- One row per (first_id, second_id, third_id), in the order of their names.
with

firsts as (

    select * from int_risen_firsts
    where window_name = 'candidate'

),

tripled as (

    select
        one.finding_id as first_id,
        two.finding_id as second_id,
        three.finding_id as third_id,
        count(*) as id_count
    from firsts as one
    inner join firsts as two
        on one.correlation_id = two.correlation_id and one.finding_id < two.finding_id
    inner join firsts as three
        on one.correlation_id = three.correlation_id and two.finding_id < three.finding_id
    group by one.finding_id, two.finding_id, three.finding_id

)

select * from tripled
order by first_id asc, second_id asc, third_id asc
