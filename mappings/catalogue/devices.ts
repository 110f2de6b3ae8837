import { account, type CatalogueRow, entity, rows, software } from './row.js';

/** Events on devices and about devices. */
export const deviceRows: readonly CatalogueRow[] = [
  ...rows('systems', 'admin', {
    user_password_change: account('by_password_owner', { ownAccount: true }),
    user_lockout: account(9),
    system_fde_key_update: entity(3, 'device'),
    system_fde_key_decrypt: entity(2, 'device'),
    os_minor_upgrade: entity(3, 'device'),
    os_major_upgrade: entity(3, 'device'),
    os_minor_rollback: entity(3, 'device'),
    os_major_rollback: entity(3, 'device'),
    remote_session_start: entity(99, 'device'),
    remote_session_join: entity(99, 'device'),
    remote_session_end: entity(99, 'device'),
    remote_session_feedback: entity(99, 'device'),
    google_emm_create: entity(1, 'Google EMM'),
    google_emm_patch: entity(3, 'Google EMM'),
    google_emm_delete: entity(4, 'Google EMM'),
    device_command: entity(99, 'device'),
  }),
  ...rows('mdm', 'other', {
    mdm_command_result: entity(99, 'device', { status: 'status_word' }),
    device_enrollment: entity(6, 'device', { status: 'status_word' }),
    configuration_file_download: entity(99, 'device'),
  }),
  ...rows('software', 'other', {
    software_add: software(1),
    software_change: software(8),
    software_remove: software(2),
    software_add_request: software(99),
    software_change_request: software(99),
    software_remove_request: software(99),
  }),
];
