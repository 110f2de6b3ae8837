-- title: Who gained what
-- answers: Memberships, assignments and roles that the inventory first saw in the range, with the names of both ends.
-- tables: memberships, assignments, role_holders, users, administrators, groups, applications, roles
-- row: account_name, what_kind, what_id, who_kind, who_id, first_seen
-- technique: T1098 Account Manipulation
-- parameters:
--   since instant = 7d -- first instant
--   until instant = now -- end of the range, exclusive
WITH gained AS (
  SELECT feed, account_name, 'group' AS from_type, from_id, to_type, to_id, first_seen FROM memberships
  UNION ALL SELECT feed, account_name, 'application', from_id, to_type, to_id, first_seen FROM assignments
  UNION ALL SELECT feed, account_name, 'role', from_id, to_type, to_id, first_seen FROM role_holders
), named AS (
  SELECT feed, 'user' AS type, id, username AS name FROM users
  UNION ALL SELECT feed, 'administrator', id, email FROM administrators
  UNION ALL SELECT feed, 'group', id, name FROM groups
  UNION ALL SELECT feed, 'application', id, name FROM applications
  UNION ALL SELECT feed, 'role', id, name FROM roles
)
SELECT gained.account_name, gained.first_seen, gained.to_type AS who_kind, coalesce(who.name, gained.to_id) AS who,
       gained.from_type AS what_kind, coalesce(what.name, gained.from_id) AS what,
       gained.to_id AS who_id, gained.from_id AS what_id
FROM gained
LEFT JOIN named AS who ON who.feed = gained.feed AND who.type = gained.to_type AND who.id = gained.to_id
LEFT JOIN named AS what ON what.feed = gained.feed AND what.type = gained.from_type AND what.id = gained.from_id
WHERE gained.first_seen >= $since AND gained.first_seen < $until
ORDER BY gained.first_seen, gained.account_name, who, what, who_kind, who_id, what_kind, what_id
