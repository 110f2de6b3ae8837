-- title: Who is in a group
-- answers: Users who were in a group at some time of the range, by the inventory: since when, and until when where it is over.
-- tables: memberships_history, groups_history, users_history
-- technique: T1069.003 Cloud Groups
-- parameters:
--   since instant = now -- first instant
--   until instant = now -- last instant
--   name text = -- a group by its name or id; empty: every group
WITH named_groups AS (SELECT feed, id, arg_max(name, valid_from) AS name FROM groups_history GROUP BY ALL),
  named_users AS (
    SELECT feed, id, arg_max(username, valid_from) AS username, arg_max(email, valid_from) AS email FROM users_history GROUP BY ALL)
SELECT coalesce(m.account_name, m.org) AS account_name, g.name AS group_name, coalesce(u.username, m.to_id) AS user_name, u.email,
       min(m.valid_from) AS member_since,
       CASE WHEN count(*) = count(m.valid_to) THEN max(m.valid_to) END AS member_until
FROM memberships_history AS m
LEFT JOIN named_groups AS g ON g.feed = m.feed AND g.id = m.from_id
LEFT JOIN named_users AS u ON u.feed = m.feed AND u.id = m.to_id
WHERE m.valid_from <= $until AND (m.valid_to IS NULL OR m.valid_to > $since)
  AND ($name IS NULL OR m.from_id = $name OR g.name = $name)
GROUP BY m.account_name, m.org, m.from_id, g.name, m.to_id, u.username, u.email
ORDER BY ALL
