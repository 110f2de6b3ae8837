import { api, type CatalogueRow, type RowTarget, rows } from './row.js';

/** Rows of API Activity by verb: each name is put behind the prefix. */
function byVerb(prefix: string, verbs: Readonly<Record<'create' | 'read' | 'update' | 'delete' | 'other', string>>) {
  const activities = { create: 1, read: 2, update: 3, delete: 4, other: 99 };
  const table: Record<string, RowTarget> = {};
  for (const [verb, names] of Object.entries(verbs)) {
    for (const name of names.split(/\s+/)) {
      table[`${prefix}${name}`] = api(activities[verb as keyof typeof activities]);
    }
  }
  return table;
}

const passwordManager = byVerb('passwordmanager_', {
  create: `folder_create item_add backup_create backup_key_create local_backup_create folder_member_add folder_group_add
    sharedfolders_policy_group_add sharedfolders_policy_user_add`,
  read: 'item_reveal item_copy item_history_reveal items_export',
  update: `folder_member_update item_update user_update folder_group_update folder_update sharedfolders_policy_update
    pincode_update local_backup_path_update extension_settings_update item_settings_update app_update`,
  delete: `folder_delete folder_member_remove item_remove backup_key_delete folder_group_remove user_remove
    sharedfolders_policy_group_remove sharedfolders_policy_user_remove`,
  other: `enable disable user_enable user_disable user_activate user_deactivate user_reactivate item_move user_device_pair
    user_device_unpair user_signup user_re-enable backup_request backup_request_restore backup_enable backup_disable
    backup_key_regenerate backup_request_cancel backup_request_reject backup_request_approve item_autofill force_sync
    paranoid_mode_enable paranoid_mode_disable folder_force_sync items_import local_backup_restore mini_launch app_unlock
    item_history_restore extension_unlock extension_pair extension_site_exclusion`,
});

const passwordVault = byVerb('passwordvault_', {
  create: `credential_add website_add sharedfolder_create personalfolder_create sharedfolder_user_add sharedfolder_group_add
    sharedfolder_credential_add sharedfolder_website_add personalfolder_user_add personalfolder_group_add
    personalfolder_credential_add personalfolder_website_add`,
  read: `credential_viewsecret credential_viewdetail credential_copy credential_reveal credential_export
    credential_history_reveal website_viewdetails website_copy websites_export`,
  update: `credential_update website_update sharedfolder_user_update sharedfolder_credential_update
    sharedfolder_website_update personalfolder_user_update personalfolder_credential_update personalfolder_website_update`,
  delete: `credential_delete website_delete sharedfolder_delete personalfolder_delete sharedfolder_user_remove
    sharedfolder_credential_remove sharedfolder_website_remove personalfolder_user_remove personalfolder_credential_remove
    personalfolder_website_remove`,
  other: `enable disable user_enable user_disable credential_shareuser credential_shareusergroup credential_archive
    credential_duplicate credential_autofill credential_import website_linkcredential website_shareuser
    website_shareusergroup website_connect website_archive website_duplicate`,
});

/** Everyday use of JumpCloud: many records, few of them about administration. */
export const usageRows: readonly CatalogueRow[] = [
  ...rows('password_manager', 'other', passwordManager),
  ...rows('password_vault', 'other', passwordVault),
  // ldap_srch is what some lists call ldap_search.
  ...rows('ldap', 'other', { ldap_search: api(2), ldap_srch: api(2) }),
  ...rows('object_storage', 'other', {
    object_storage_create: api(1, { status: 'result_word' }),
    object_storage_upload_validation_result: api(99, { status: 'result_word' }),
    object_storage_get_download_url_request: api(2, { status: 'result_word' }),
    object_storage_delete: api(4, { status: 'result_word' }),
  }),
  ...rows('genai', 'other', {
    genai_ai_assistant_chat_created: api(1),
    genai_ai_assistant_chat_updated: api(3),
    genai_ai_assistant_chat_deleted: api(4),
    genai_ai_assistant_chat_message_sent: api(99),
  }),
  ...rows('aigw', 'other', {
    aigw_session_opened: api(99),
    aigw_session_activity: api(99),
    aigw_session_closed: api(99),
  }),
];
