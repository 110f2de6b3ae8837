const NO_ADDRESS = 'API Activity requires an address (`src_endpoint`), and JumpCloud sends none with this type';
const NO_ACTOR_NOR_ADDRESS =
  'API Activity requires an actor and an address (`src_endpoint`); JumpCloud itself does this, and sends no address';

/** Documented types whose records lack, each time, what their class requires: why they are Base Events. By service and type. */
export const baseEventReasons: ReadonlyMap<string, string> = new Map([
  ['ldap ldap_search', NO_ADDRESS],
  ['ldap ldap_srch', NO_ADDRESS],
  ['object_storage object_storage_upload_validation_result', NO_ACTOR_NOR_ADDRESS],
  ['password_manager passwordmanager_force_sync', NO_ADDRESS],
  ['reports scheduled_report_run_failed', NO_ACTOR_NOR_ADDRESS],
  ['reports scheduled_report_run_success', NO_ACTOR_NOR_ADDRESS],
]);
