-- title: Who is in a group
-- answers: Users who were in a group at some time of the range, by the inventory: since when, and until when where it is over.
-- tables: memberships_history, groups_history, users_history
-- row: account_name, group_uid, user_uid
-- technique: T1069.003 Cloud Groups
-- parameters:
--   since instant = now -- first instant
--   until instant = now -- last instant
--   name text = -- a group by its name or id; empty: every group
WITH observed AS (
  SELECT *, (lag(valid_to) OVER one IS DISTINCT FROM valid_from)::INTEGER AS begins
  FROM memberships_history
  WINDOW one AS (PARTITION BY feed, from_id, to_id ORDER BY valid_from)
), numbered AS (
  -- A full reading writes each membership again: intervals that touch are one membership.
  SELECT *, sum(begins) OVER (PARTITION BY feed, from_id, to_id ORDER BY valid_from) AS number FROM observed
), members AS (
  SELECT feed, arg_max(account_name, valid_from) AS account_name, from_id, to_id,
         least(min(first_seen), min(valid_from)) AS since, CASE WHEN count(*) = count(valid_to) THEN max(valid_to) END AS ends
  FROM numbered
  GROUP BY feed, from_id, to_id, number
), named_groups AS (SELECT feed, id, arg_max(name, valid_from) AS name FROM groups_history GROUP BY ALL),
  named_users AS (
    SELECT feed, id, arg_max(username, valid_from) AS username, arg_max(email, valid_from) AS email FROM users_history GROUP BY ALL)
SELECT m.account_name, g.name AS group_name, coalesce(u.username, m.to_id) AS user_name, u.email,
       min(m.since) AS member_since, CASE WHEN count(*) = count(m.ends) THEN max(m.ends) END AS member_until,
       m.from_id AS group_uid, m.to_id AS user_uid
FROM members AS m
LEFT JOIN named_groups AS g ON g.feed = m.feed AND g.id = m.from_id
LEFT JOIN named_users AS u ON u.feed = m.feed AND u.id = m.to_id
WHERE m.since <= $until AND (m.ends IS NULL OR m.ends > $since)
  AND ($name IS NULL OR m.from_id = $name OR g.name = $name)
GROUP BY m.feed, m.account_name, m.from_id, g.name, m.to_id, u.username, u.email
ORDER BY ALL
