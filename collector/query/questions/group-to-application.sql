-- title: Group memberships that lead to an application
-- answers: Users who were added to a group, with the applications that the group was given, as far back as the history reaches.
-- tables: group_management
-- row: account_name, time_dt, user_name, group_name
-- technique: T1098.007 Additional Local or Domain Groups
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   history instant = 365d -- how far back a group's applications are known
WITH granted AS (
  -- Of a grant and its removal at one instant the grant counts.
  SELECT account_name, "group".uid AS group_uid, resource.name AS application, arg_max(activity_id, (time_dt, -activity_id)) AS last_change
  FROM group_management
  WHERE time_dt >= least($history, $since) AND time_dt < $until AND activity_id IN (1, 2) AND resource.type = 'application'
    AND outcome IS DISTINCT FROM 'Failure'
  GROUP BY ALL
)
SELECT joined.account_name, joined.time_dt, joined.user_name, joined."group".name AS group_name,
       list_sort(list(DISTINCT granted.application)) AS applications, joined.actor_name AS added_by
FROM group_management AS joined
JOIN granted ON granted.account_name IS NOT DISTINCT FROM joined.account_name
  AND granted.group_uid = joined."group".uid AND granted.last_change = 1
WHERE joined.time_dt >= $since AND joined.time_dt < $until AND joined.activity_id = 3
  AND joined.outcome IS DISTINCT FROM 'Failure'
GROUP BY joined.account_name, joined.time_dt, joined.user_name, joined."group".name, joined.actor_name
ORDER BY joined.time_dt, joined.account_name, joined.user_name, group_name, added_by
