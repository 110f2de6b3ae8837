-- title: Changes out of hours
-- answers: Changes by administrators at night or at the weekend, by the clock of a time zone.
-- tables: account_change, user_access, group_management, entity_management
-- technique: T1098 Account Manipulation
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   zone text = UTC -- time zone (IANA) of the working hours
--   opens integer = 7 -- first working hour
--   closes integer = 19 -- first hour after work
--   service_accounts list = -- actors that are left out
WITH changes AS (
  SELECT account_name, time_dt, actor_name, event_code, message, src_ip, country, metadata.uid AS event_uid,
         make_timestamptz(time * 1000) AT TIME ZONE $zone AS local_time
  FROM admin_activity
  WHERE time_dt >= $since AND time_dt < $until AND class_uid IN (3001, 3004, 3005, 3006) AND actor_name IS NOT NULL AND outcome IS DISTINCT FROM 'Failure'
    AND NOT list_contains($service_accounts, actor_name) AND actor.user.type_id = 2
)
SELECT account_name, time_dt, local_time, actor_name, event_code, message, src_ip, country
FROM changes
WHERE isodow(local_time) > 5 OR hour(local_time) < $opens OR hour(local_time) >= $closes
ORDER BY time_dt, account_name, actor_name, event_uid
