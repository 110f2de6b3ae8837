-- title: Accounts created and deleted within a day
-- answers: Accounts that existed for less than a day, with who created and who deleted them.
-- tables: account_change
-- technique: T1136.003 Cloud Account
-- parameters:
--   since instant = 7d -- first instant of the deletion
--   until instant = now -- end of the range, exclusive
--   lifetime duration = 24h -- how long an account exists at most
SELECT created.account_name, created.user_name, created.time_dt AS created, deleted.time_dt AS deleted,
       created.actor_name AS created_by, deleted.actor_name AS deleted_by, deleted.src_ip
FROM account_change AS created
JOIN account_change AS deleted
  ON deleted.account_name IS NOT DISTINCT FROM created.account_name AND deleted.user_uid = created.user_uid
  AND deleted.time_dt >= created.time_dt AND deleted.time_dt - created.time_dt < $lifetime
WHERE created.activity_id = 1 AND deleted.activity_id = 6 AND deleted.time_dt >= $since AND deleted.time_dt < $until
  AND created.time_dt >= $since - $lifetime
  AND created.outcome IS DISTINCT FROM 'Failure' AND deleted.outcome IS DISTINCT FROM 'Failure'
ORDER BY deleted, created.account_name, created.user_name, created, created.metadata.uid, deleted.metadata.uid
