-- title: Share of logins with MFA
-- answers: How many successful logins had a second factor, had none, or do not say, by application. What is not said counts for neither.
-- tables: authentication
-- row: account_name, app
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, app, count(*) FILTER (is_mfa) AS with_mfa, count(*) FILTER (is_mfa = false) AS without_mfa,
       count(*) FILTER (is_mfa IS NULL) AS not_said,
       round(100.0 * count(*) FILTER (is_mfa) / nullif(count(*) FILTER (is_mfa IS NOT NULL), 0), 1) AS percent_with_mfa
FROM authentication
WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Success'
GROUP BY account_name, app
ORDER BY without_mfa DESC, account_name, app
