import { api, association, base, type CatalogueRow, entity, finding, rows } from './row.js';

const channel = 'Notification Channel';
const flow = 'Approval Flow';
const saas = 'SaaS management';
const assets = 'Asset management';

const accessManagement = rows('access_management', 'admin', {
  access_management_access_request: entity(1, 'Access Request'),
  access_management_access_request_approval: entity(99, 'Access Request'),
  access_management_association_change: association(),
  access_management_approval_flow_create: entity(1, flow),
  access_management_approval_flow_update: entity(3, flow),
  access_management_approval_flow_delete: entity(4, flow),
  access_management_access_request_settings_update: entity(3, 'Settings', { feature: 'Access request settings' }),
});

const saasManagement = rows('saas_app_management', 'admin', {
  saas_management_enable: entity(8, 'Feature', { feature: saas }),
  saas_management_disable: entity(9, 'Feature', { feature: saas }),
  saas_management_settings_update: entity(3, 'Settings', { feature: saas }),
  saas_management_application_discover: entity(99, 'Application'),
  saas_management_event_application_review: entity(99, 'Application'),
  saas_management_application_update: entity(3, 'Application'),
  saas_management_application_access_restriction_update: entity(3, 'Application'),
  saas_management_application_license_update: entity(3, 'Application'),
  saas_management_application_delete: entity(4, 'Application'),
  saas_management_connector_create: entity(1, 'Connector'),
  saas_management_connector_update: entity(3, 'Connector'),
  saas_management_connector_delete: entity(4, 'Connector'),
  saas_management_account_discover: entity(99, 'SaaS Account'),
  saas_management_account_user_assign: entity(3, 'SaaS Account'),
  saas_management_account_delete: entity(4, 'SaaS Account'),
  saas_management_tenant_discover: entity(99, 'Application'),
});

const assetManagement = rows('asset_management', 'admin', {
  asset_management_enable: entity(8, 'Feature', { feature: assets }),
  asset_management_disable: entity(9, 'Feature', { feature: assets }),
  asset_management_general_settings_update: entity(3, 'Settings', { feature: assets }),
  asset_management_field_setting_create: entity(1, 'Asset Field'),
  asset_management_field_setting_update: entity(3, 'Asset Field'),
  asset_management_field_setting_delete: entity(4, 'Asset Field'),
  asset_management_asset_create: entity(1, 'Asset'),
  asset_management_asset_update: entity(3, 'Asset'),
  asset_management_asset_delete: entity(4, 'Asset'),
});

const alerts = rows('alerts', 'admin', {
  alert_created: finding(1, { isAlert: true }),
  alert_updated: finding(2, { isAlert: true }),
  alert_status_updated: finding('by_finding_status', { isAlert: true }),
  rule_created: entity(1, 'Alert Rule'),
  rule_modified: entity(3, 'Alert Rule'),
  rule_deleted: entity(4, 'Alert Rule'),
  // Not in JumpCloud's list: what rules watch on devices.
  policy_result: entity(99, 'device'),
  command_result: entity(99, 'device'),
  software_status_update: entity(99, 'device'),
  device_inactive: entity(99, 'device'),
  device_metrics_uptime_sample: entity(99, 'device'),
  device_metrics_disk_usage_sample: entity(99, 'device'),
  device_metrics_battery_sample: entity(99, 'device'),
});

const reports = rows('reports', 'admin', {
  report_run: api(1),
  report_export: api(2),
  report_create: api(1),
  report_update: api(3),
  report_delete: api(4),
  custom_report_create: api(1),
  custom_report_update: api(3),
  custom_report_delete: api(4),
  scheduled_report_create: api(1),
  scheduled_report_update: api(3),
  scheduled_report_delete: api(4),
  scheduled_report_run_success: api(1, { status: 'success' }),
  scheduled_report_run_failed: api(1, { status: 'failure' }),
});

const risksAndCertificates = rows('generic_di', 'admin', {
  risk_event_created: finding(1),
  risk_event_resolved: finding(3),
  risk_events_bulk_resolved: finding(3),
  ca_created: entity(1, 'Certificate Authority'),
  cert_issued_manual: entity(1, 'Certificate'),
  cert_issued_self_service: entity(1, 'Certificate'),
  cert_issued_scep: entity(1, 'Certificate'),
  cert_revoked: entity(99, 'Certificate'),
});

/** What administrators set up outside the directory. */
export const administrationRows: readonly CatalogueRow[] = [
  ...accessManagement,
  ...saasManagement,
  ...assetManagement,
  ...alerts,
  ...reports,
  ...risksAndCertificates,
  ...rows('notifications', 'admin', {
    notification_channel_created: entity(1, channel),
    notification_channel_updated: entity(3, channel),
    notification_channel_deleted: entity(4, channel),
  }),
  ...rows('ai_admin', 'admin', {
    server_create: entity(1, 'AI Server'),
    server_update: entity(3, 'AI Server'),
    server_delete: entity(4, 'AI Server'),
    redirect_uri_create: entity(1, 'Redirect URI'),
    redirect_uri_update: entity(3, 'Redirect URI'),
    redirect_uri_delete: entity(4, 'Redirect URI'),
  }),
  // JumpCloud names the service but lists no event types for it.
  ...rows('workflows', 'admin', { '*': base() }),
];
