-- Ids that findings keyed by a template have where it has another id, in results of other masks.
-- One row per (finding_id, alias_id).
with

keys_ as (

    select distinct
        finding_id,
        kind,
        error_class,
        template_id
    from int_finding_events
    where detail = template_id

),

aliased as (

    select
        keys_.finding_id,
        substr(
            md5(
                concat_ws(
                    chr(31),
                    keys_.kind,
                    coalesce(keys_.error_class, '-'),
                    stg_aliases.alias_id
                )
            ),
            1,
            12
        ) as alias_id
    from keys_
    inner join stg_aliases on keys_.template_id = stg_aliases.template_id

)

select * from aliased
order by finding_id asc, alias_id asc
