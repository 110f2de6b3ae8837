import type { Verb } from './phrase.js';

/** Prefixes of event types that name the product, and what the product is called. */
const products: readonly (readonly [prefix: string, name: string])[] = [
  ['passwordmanager_', 'password manager'],
  ['passwordvault_', 'password vault'],
  ['genai_ai_assistant_', 'AI assistant'],
  ['object_storage_', 'stored file'],
  ['aigw_', 'AI gateway'],
  ['mtp_', 'provider portal'],
];

const regular = (word: string): Verb => [`${word}ed`, word];
const silentE = (word: string): Verb => [`${word}d`, word];

/** Verbs by the last word of an event type. */
const verbs = new Map<string, Verb>([
  ...['add', 'reveal', 'export', 'pair', 'unpair', 'request', 'autofill', 'import', 'unlock', 'download', 'reject'].map(
    (word) => [word, regular(word)] as const,
  ),
  ...[
    'create',
    'update',
    'delete',
    'remove',
    'enable',
    'disable',
    'activate',
    'deactivate',
    'reactivate',
    'move',
    'restore',
    'regenerate',
    'approve',
    'archive',
    're-enable',
    'duplicate',
  ].map((word) => [word, silentE(word)] as const),
  ['copy', ['copied', 'copy']],
  ['cancel', ['cancelled', 'cancel']],
  ['sync', ['synchronised', 'synchronise']],
  ['launch', ['launched', 'launch']],
  ['run', ['ran', 'run', 'run']],
  ['search', ['searched', 'search']],
  ['srch', ['searched', 'search']],
  ['created', ['created', 'create']],
  ['updated', ['updated', 'update']],
  ['deleted', ['deleted', 'delete']],
  ['sent', ['sent', 'send']],
  ['opened', ['opened', 'open']],
  ['closed', ['closed', 'close']],
  ['connect', ['connected to', 'connect to']],
  ['linkcredential', ['linked a credential to', 'link a credential to']],
  ['viewsecret', ['viewed the secret of', 'view the secret of']],
  ['viewdetail', ['viewed', 'view']],
  ['viewdetails', ['viewed', 'view']],
]);

/** Shared with whom, by the last word. */
const shares = new Map([
  ['shareuser', ' with a user'],
  ['shareusergroup', ' with a group of users'],
]);

/** Event types whose last word is no verb, or another one than it seems. */
const irregular = new Map<string, readonly [verb: Verb, object: string]>([
  ['passwordmanager_user_signup', [['signed up for', 'sign up for'], 'password manager']],
  ['passwordmanager_extension_site_exclusion', [['excluded a site from', 'exclude a site from'], 'extension']],
  ['passwordmanager_item_history_reveal', [['revealed', 'reveal'], 'item history']],
  ['aigw_session_activity', [['used', 'use'], 'AI gateway session']],
  ['object_storage_upload_validation_result', [['validated', 'validate'], 'upload']],
  ['object_storage_get_download_url_request', [['requested', 'request'], 'download URL of the stored file']],
  ['mtp_download_invoice', [['downloaded', 'download'], 'invoice']],
  ['scheduled_report_run_success', [['ran', 'run', 'run'], 'scheduled report']],
  ['scheduled_report_run_failed', [['ran', 'run', 'run'], 'scheduled report']],
]);

/**
 * The verb and the object of an event type that is named `<object>_<verb>`: `passwordmanager_folder_member_add` is
 * "added" and "folder member". Undefined where the name is of another form.
 */
export function verbOfType(eventType: string): { verb: Verb; object: string; tail?: string } | undefined {
  const known = irregular.get(eventType);
  if (known !== undefined) return { verb: known[0], object: known[1] };
  const product = products.find(([prefix]) => eventType.startsWith(prefix));
  const words = eventType.slice(product?.[0].length ?? 0).split('_');
  const last = words.pop()!;
  const tail = shares.get(last);
  if (tail !== undefined) return { verb: ['shared', 'share'], object: words.join(' '), tail };
  const verb = verbs.get(last);
  return verb === undefined
    ? undefined
    : { verb, object: words.length > 0 ? words.join(' ') : (product?.[1] ?? 'service') };
}
