-- title: Group memberships changed in the directory
-- answers: Whom a group gained or lost between two readings of the directory; the first reading is left out.
-- tables: memberships_history, users_history, groups_history
-- row: account_name, group_uid, user_uid, change, changed
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
WITH members AS (
  SELECT *, lead(valid_from) OVER one AS later, lag(valid_to) OVER one AS earlier, min(valid_from) OVER (PARTITION BY feed) AS first_reading
  FROM memberships_history
  WINDOW one AS (PARTITION BY feed, from_id, to_id ORDER BY valid_from)
), changes AS (
  SELECT *, valid_from AS changed, 'added' AS change FROM members
  WHERE valid_from > first_reading AND earlier IS DISTINCT FROM valid_from
  UNION ALL
  SELECT *, valid_to, 'removed' FROM members WHERE valid_to IS NOT NULL AND later IS DISTINCT FROM valid_to
), names AS (
  SELECT feed, id, arg_max(coalesce(username, email), valid_from) AS name FROM users_history GROUP BY feed, id
), group_names AS (
  SELECT feed, id, arg_max(name, valid_from) AS name, arg_max(sudo, valid_from) AS sudo FROM groups_history GROUP BY feed, id
)
SELECT changes.account_name, group_names.name AS group_name, changes.change, names.name AS user_name, group_names.sudo AS group_has_sudo,
       changes.from_id AS group_uid, changes.to_id AS user_uid, changes.changed
FROM changes
LEFT JOIN names ON names.feed = changes.feed AND names.id = changes.to_id
LEFT JOIN group_names ON group_names.feed = changes.feed AND group_names.id = changes.from_id
WHERE changes.changed >= $since AND changes.changed < $until
ORDER BY changes.changed, changes.account_name, group_name, user_name, change, group_uid, user_uid
