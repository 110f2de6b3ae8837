import { type ActionPhrase, impersonal, phrase, type Verb } from './phrase.js';

/** Builds the phrase of an event type about a thing or a person: `the device LT-04`, `ana.lima`. */
type Build = (object: string) => ActionPhrase;

/** A verb with something of the object: `the disk encryption key of` the device. */
const of =
  (verb: Verb, part: string): Build =>
  (object) =>
    phrase(verb, `${part} ${object}`);

/** A verb on the object itself. */
const direct =
  (verb: Verb): Build =>
  (object) =>
    phrase(verb, object);

/** A verb with something that goes to the object. */
const to =
  (verb: Verb, what: string): Build =>
  (object) =>
    phrase(verb, what, what, ` to ${object}`);

/** What happens to the object without anybody doing it. */
const happens =
  (done: string, failed?: string): Build =>
  (object) =>
    impersonal(done.replace('%', object), failed?.replace('%', object));

export const verbs = {
  change: ['changed', 'change'],
  create: ['created', 'create'],
  delete: ['deleted', 'delete'],
  read: ['read', 'read'],
  enable: ['enabled', 'enable'],
  disable: ['disabled', 'disable'],
  send: ['sent', 'send'],
  schedule: ['scheduled', 'schedule'],
  cancel: ['cancelled', 'cancel'],
  begin: ['began', 'begin', 'begun'],
  discover: ['discovered', 'discover'],
  upgrade: ['upgraded', 'upgrade'],
  rollBack: ['rolled back', 'roll back'],
} as const satisfies Record<string, Verb>;

const system = 'the operating system of';
const enrollment = of(verbs.begin, 'the TOTP enrollment of');

/** Event types of which class and activity do not say what happened, by event type. */
const builds: Readonly<Record<string, Build>> = {
  // Accounts
  user_password_expired: happens('the password of % expired'),
  user_password_warning_email: to(verbs.send, 'a warning that the password expires'),
  user_activation_email: to(verbs.send, 'an activation e-mail'),
  user_activation_schedule_create: of(verbs.schedule, 'the activation of'),
  user_activation_schedule_delete: of(verbs.cancel, 'the scheduled activation of'),
  user_suspension_schedule_create: of(verbs.schedule, 'the suspension of'),
  user_suspension_schedule_delete: of(verbs.cancel, 'the scheduled suspension of'),
  user_mfa_exclusion_expired: happens('the exemption of % from MFA expired'),
  user_create_provision: of(verbs.create, 'the provisioned account of'),
  user_update_provision: of(verbs.change, 'the provisioned account of'),
  user_delete_provision: of(verbs.delete, 'the provisioned account of'),
  totp_start_enrollment: enrollment,
  admin_totp_start_enrollment: enrollment,
  // Groups
  group_update: of(verbs.change, 'the group'),
  group_warning: happens('JumpCloud warned about the group %', 'JumpCloud warned about the group %'),
  // Things
  access_management_access_request_approval: direct(['decided on', 'decide on']),
  saas_management_application_discover: direct(verbs.discover),
  saas_management_account_discover: direct(verbs.discover),
  saas_management_tenant_discover: of(verbs.discover, 'a tenant of'),
  saas_management_event_application_review: direct(['reviewed', 'review']),
  saas_management_application_access_restriction_update: of(verbs.change, 'the access restriction of'),
  saas_management_application_license_update: of(verbs.change, 'the license of'),
  integrationattribute_include: direct(['included', 'include']),
  integrationattribute_exclude: direct(['excluded', 'exclude']),
  cert_revoked: direct(['revoked', 'revoke']),
  cert_issued_manual: direct(['issued', 'issue']),
  cert_issued_self_service: direct(['issued', 'issue']),
  cert_issued_scep: direct(['issued', 'issue']),
  // Devices
  policy_result: happens('a policy was applied to %', 'a policy failed on %'),
  command_result: happens('a command ran on %', 'a command failed on %'),
  software_status_update: happens('a piece of software changed its status on %', 'a piece of software failed on %'),
  device_inactive: happens('% is inactive', '% is inactive'),
  device_metrics_uptime_sample: happens('% reported its uptime'),
  device_metrics_disk_usage_sample: happens('% reported its disk usage'),
  device_metrics_battery_sample: happens('% reported its battery'),
  remote_session_start: of(['started', 'start'], 'a remote session on'),
  remote_session_join: of(['joined', 'join'], 'a remote session on'),
  remote_session_end: of(['ended', 'end'], 'a remote session on'),
  remote_session_feedback: of(['rated', 'rate'], 'a remote session on'),
  system_fde_key_update: of(verbs.change, 'the disk encryption key of'),
  system_fde_key_decrypt: of(verbs.read, 'the disk encryption key of'),
  os_minor_upgrade: of(verbs.upgrade, system),
  os_major_upgrade: of(verbs.upgrade, system),
  os_minor_rollback: of(verbs.rollBack, system),
  os_major_rollback: of(verbs.rollBack, system),
  configuration_file_download: of(['downloaded', 'download'], 'the configuration file of'),
};

/** A command that JumpCloud sends to a device: `EraseDevice failed on the device LT-04`. */
export function phraseOfCommand(command: string, device: string): ActionPhrase {
  return {
    done: `sent ${command} to ${device}`,
    todo: `run ${command} on ${device}`,
    passive: { done: `${command} was sent to ${device}`, failed: `${command} failed on ${device}` },
  };
}

/** The phrase of an event type that has one of its own. */
export function phraseOfType(eventType: string, object: string): ActionPhrase | undefined {
  return Object.hasOwn(builds, eventType) ? builds[eventType]!(object) : undefined;
}
