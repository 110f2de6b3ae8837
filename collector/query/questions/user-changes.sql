-- title: Users and administrators changed in the directory
-- answers: Who was added, removed or changed between two readings of the directory, and what; the first reading is left out.
-- tables: users_history, administrators_history
-- row: account_name, kind, id, change, changed
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
WITH versions AS (
  SELECT feed, account_name, 'user' AS kind, id, coalesce(username, email) AS name, email, state, suspended, locked, mfa,
         NULL AS role, valid_from, valid_to
  FROM users_history
  UNION ALL
  SELECT feed, account_name, 'administrator', id, email, email, NULL, suspended, NULL, mfa, role, valid_from, valid_to
  FROM administrators_history
), ordered AS (
  SELECT *, lag(valid_to) OVER one AS ended, lead(valid_from) OVER one AS later, min(valid_from) OVER (PARTITION BY feed, kind) AS first_reading,
         concat_ws(', ',
           CASE WHEN email IS DISTINCT FROM lag(email) OVER one THEN 'email ' || coalesce(email, 'none') END,
           CASE WHEN state IS DISTINCT FROM lag(state) OVER one THEN 'state ' || coalesce(state, 'none') END,
           CASE WHEN suspended IS DISTINCT FROM lag(suspended) OVER one THEN 'suspended ' || coalesce(suspended::VARCHAR, 'not said') END,
           CASE WHEN locked IS DISTINCT FROM lag(locked) OVER one THEN 'locked ' || coalesce(locked::VARCHAR, 'not said') END,
           CASE WHEN mfa IS DISTINCT FROM lag(mfa) OVER one THEN 'MFA ' || coalesce(mfa::VARCHAR, 'not said') END,
           CASE WHEN role IS DISTINCT FROM lag(role) OVER one THEN 'role ' || coalesce(role, 'none') END) AS changes
  FROM versions
  WINDOW one AS (PARTITION BY feed, kind, id ORDER BY valid_from)
)
SELECT account_name, kind, name, id, change, details, changed
FROM (
  SELECT *, valid_from AS changed, CASE WHEN ended IS DISTINCT FROM valid_from THEN 'added' ELSE 'changed' END AS change, nullif(changes, '') AS details
  FROM ordered WHERE valid_from > first_reading AND (ended IS DISTINCT FROM valid_from OR changes <> '')
  UNION ALL
  SELECT *, valid_to, 'removed', NULL FROM ordered WHERE valid_to IS NOT NULL AND later IS DISTINCT FROM valid_to
)
WHERE changed >= $since AND changed < $until
ORDER BY changed, account_name, kind, name, change, id
