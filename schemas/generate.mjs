// Writes schemas/ocsf/*.json and schemas/ocsf.ts from a compiled OCSF schema:
//
//   node schemas/generate.mjs FACTS.json
//
// FACTS holds every class and object of one OCSF release, attribute by attribute. Run by hand when the release or
// the selection below changes; its output is committed. The selection is what the mappers can emit: an attribute
// that no mapper fills would only hide a mapper's mistake.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const factsFile = process.argv[2];
if (!factsFile) {
  process.stderr.write('usage: node schemas/generate.mjs FACTS.json\n');
  process.exit(2);
}
const facts = JSON.parse(readFileSync(factsFile, 'utf8'));

/** Attributes that every class carries. */
const common = [
  'activity_id activity_name category_name category_uid class_name class_uid count message metadata observables raw_data',
  'raw_data_hash raw_data_size severity severity_id status status_code status_detail status_id time timezone_offset',
  'type_name type_uid unmapped device enrichments',
].join(' ');

/** Attributes of each class beyond the common ones. */
const classSelection = {
  base_event: 'actor',
  authentication:
    'actor auth_factors auth_protocol auth_protocol_id dst_endpoint http_request is_cleartext is_mfa is_remote logon_type logon_type_id service session src_endpoint user',
  account_change: 'actor auth_factors http_request src_endpoint user user_result',
  entity_management: 'access_list actor entity http_request src_endpoint',
  user_access: 'actor http_request privileges resources src_endpoint user',
  group_management: 'actor group http_request privileges resource src_endpoint subgroup user',
  detection_finding: 'actor evidences finding_info is_alert resources risk_level risk_level_id',
  application_lifecycle: 'actor app',
  api_activity: 'actor api http_request resources src_endpoint',
  user_inventory: 'user',
  cloud_resources_inventory_info: 'cloud idp region resources',
  remediation_activity: 'command_uid countermeasures remediation',
};

/** Classes of the directory's objects, which say more of a user or a group than an event does. */
const inventoryClasses = new Set(['user_inventory', 'cloud_resources_inventory_info']);

/** Attributes of the objects within them where they differ: as `$defs/inventory_NAME`, so that the tables of events stay narrow. */
const inventoryObjects = {
  account: 'is_disabled is_locked is_on_premises_sync_enabled labels name type type_id uid',
  group: 'desc name type uid',
  ldap_person:
    'cost_center created_time department email_addrs employee_uid given_name job_title manager office_location surname',
  metadata:
    'correlation_uid event_code labels log_format log_name log_provider log_source logged_time original_event_uid original_time product profiles reporter tags tenant_uid transformation_info_list uid version',
  resource_details: 'created_time data group labels name type uid',
  user: 'account display_name email_addr full_name groups has_mfa ldap_person name org type type_id uid uid_alt',
};

/** Attributes of each object. */
const objectSelection = {
  account: 'is_disabled is_locked name uid',
  actor: 'app_name authorizations session user',
  analytic: 'category name type type_id uid',
  api: 'operation request response service',
  auth_factor: 'device factor_type factor_type_id is_totp provider',
  authorization: 'decision policy',
  autonomous_system: 'name number',
  cloud: 'org provider region',
  d3f_tactic: 'name uid',
  d3f_technique: 'name uid',
  d3fend: 'd3f_tactic d3f_technique version',
  device: 'hostname ip location model name os type type_id uid vendor_name',
  enrichment: 'created_time data name provider short_desc type value',
  evidences: 'data src_endpoint user',
  feature: 'name',
  finding_info:
    'analytic created_time data_sources desc first_seen_time last_seen_time product related_events related_events_count title types uid',
  fingerprint: 'algorithm algorithm_id value',
  group: 'name type uid',
  http_request: 'user_agent',
  idp: 'name tenant_uid uid',
  key_value_object: 'name value',
  ldap_person: 'cost_center department employee_uid given_name job_title ldap_dn office_location surname',
  location: 'city continent country lat long region',
  managed_entity: 'name type type_id uid user',
  metadata:
    'correlation_uid event_code is_truncated labels log_format log_name log_provider log_source log_version logged_time original_event_uid original_time product profiles tags tenant_uid transformation_info_list uid untruncated_size version',
  network_endpoint: 'autonomous_system hostname ip location name os port uid',
  observable: 'name type type_id value',
  organization: 'name ou_name uid',
  os: 'name type type_id version',
  policy: 'name uid',
  product: 'feature name path vendor_name version',
  reporter: 'name uid',
  remediation: 'desc',
  request: 'uid',
  related_event: 'created_time severity severity_id title type type_name type_uid uid',
  resource_details: 'name role role_id type uid',
  response: 'code error',
  service: 'name uid',
  session: 'uid',
  transformation_info: 'name product',
  url: 'path',
  user: 'account display_name email_addr full_name has_mfa ldap_person name type type_id uid',
};

/** What a class says more of an object than the others do, as `$defs/CLASS_NAME`. */
const classObjects = { api_activity: { http_request: 'http_method url user_agent' } };

/** What we always fill, beyond what OCSF requires. */
const alsoRequired = {
  event: ['activity_name', 'category_name', 'class_name', 'type_name', 'severity', 'message'],
  metadata: ['uid', 'original_time'],
};

/** Profiles that an event may declare. */
const profiles = ['host'];

/**
 * JumpCloud is younger than this, and an earlier time is a clock that was never set. Devices date records a century ahead,
 * and those are delivered like any other; past the years that RFC 3339 can write, a time is not in milliseconds.
 */
const plausibleTime = { minimum: Date.UTC(2000, 0, 1), maximum: Date.UTC(9999, 11, 31) };

/** Free text may be blank only where it is the record itself. */
const unbounded = new Set(['raw_data']);

function primitive(type, name) {
  const { regex, max_len, range } = facts.types[type];
  switch (facts.types[type].base ?? type) {
    case 'boolean_t':
      return { type: 'boolean' };
    case 'float_t':
      return { type: 'number' };
    case 'integer_t':
    case 'long_t':
      if (type === 'timestamp_t') return { type: 'integer', ...plausibleTime };
      return range ? { type: 'integer', minimum: range[0], maximum: range[1] } : { type: 'integer' };
    case 'string_t':
      return {
        type: 'string',
        ...(unbounded.has(name) ? {} : { minLength: 1 }),
        ...(max_len ? { maxLength: max_len } : {}),
        // The expression for addresses accepts any character for a dot and is slow; addresses are checked when they are read.
        ...(regex && type === 'email_t' ? { pattern: regex } : {}),
      };
    default:
      throw new Error(`no JSON Schema for ${type}`);
  }
}

function valueSchema(name, attribute, inventory) {
  if (name === 'unmapped') return { type: 'object', minProperties: 1 };
  if (attribute.type === 'json_t') return {};
  const prefix = inventory && attribute.object in inventoryObjects ? 'inventory_' : '';
  if (attribute.type === 'object_t') return { $ref: `objects.json#/$defs/${prefix}${attribute.object}` };
  const schema = primitive(attribute.type, name);
  if (attribute.enum && schema.type === 'integer')
    return { type: 'integer', enum: Object.keys(attribute.enum).map(Number) };
  return schema;
}

function attributeSchema(name, attribute, inventory) {
  const value = valueSchema(name, attribute, inventory);
  if (name === 'profiles') return { type: 'array', minItems: 1, items: { enum: profiles } };
  return attribute.is_array ? { type: 'array', minItems: 1, items: value } : value;
}

function objectSchema(definition, selection, extra = [], inventory = false) {
  const names = selection.split(' ').sort();
  const properties = {};
  const required = new Set(extra);
  const dependent = {};
  for (const name of names) {
    const attribute = definition.attributes[name];
    if (!attribute) continue;
    properties[name] = attributeSchema(name, attribute, inventory);
    if (attribute.requirement === 'required' && !attribute.profiles) required.add(name);
    if (attribute.profiles) {
      const usable = attribute.profiles.filter((profile) => profiles.includes(profile));
      if (usable.length === 0) throw new Error(`${definition.name}.${name} needs profile ${attribute.profiles}`);
      dependent[name] = {
        properties: { metadata: { required: ['profiles'], properties: { profiles: { contains: { enum: usable } } } } },
      };
    }
  }
  const oneOf = definition.constraints?.at_least_one?.filter((name) => name in properties);
  if (definition.constraints?.just_one) throw new Error(`${definition.name}: just_one is not handled`);
  return {
    type: 'object',
    required: [...required].sort(),
    properties,
    ...(oneOf ? { anyOf: oneOf.map((name) => ({ required: [name] })) } : {}),
    ...(Object.keys(dependent).length > 0 ? { dependentSchemas: dependent } : {}),
    additionalProperties: false,
  };
}

function write(path, text) {
  writeFileSync(`${root}${path}`, text);
  process.stdout.write(`${path}\n`);
}

function writeJson(path, value) {
  write(path, `${JSON.stringify(value, null, 2)}\n`);
}

const source = `OCSF ${facts.version}, cut to what the mappers emit. Generated by schemas/generate.mjs.`;
mkdirSync(`${root}schemas/ocsf`, { recursive: true });

const objects = {};
for (const [name, selection] of Object.entries(objectSelection)) {
  objects[name] = objectSchema(facts.objects[name], selection, alsoRequired[name]);
}
for (const [name, selection] of Object.entries(inventoryObjects))
  objects[`inventory_${name}`] = objectSchema(facts.objects[name], selection, alsoRequired[name], true);
for (const [of, selections] of Object.entries(classObjects))
  for (const [name, selection] of Object.entries(selections))
    objects[`${of}_${name}`] = objectSchema(facts.objects[name], selection);
for (const name of ['metadata', 'inventory_metadata']) objects[name].properties.version = { const: facts.version };
writeJson('schemas/ocsf/objects.json', {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'objects.json',
  $comment: source,
  $defs: objects,
});

const classTable = {};
for (const [name, selection] of Object.entries(classSelection)) {
  const definition = facts.classes[name];
  const inventory = inventoryClasses.has(name);
  const schema = objectSchema(definition, `${common} ${selection}`, alsoRequired.event, inventory);
  for (const object of Object.keys(classObjects[name] ?? {}))
    schema.properties[object] = { $ref: `objects.json#/$defs/${name}_${object}` };
  for (const constant of ['class_name', 'category_name']) {
    const caption = Object.values(definition.attributes[constant.replace('name', 'uid')].enum)[0];
    schema.properties[constant] = { const: caption };
  }
  writeJson(`schemas/ocsf/${name}.json`, {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `${name}.json`,
    $comment: source,
    title: `${definition.caption} (${definition.uid})`,
    ...schema,
  });
  classTable[name] = {
    uid: definition.uid,
    caption: definition.caption,
    categoryUid: Number(Object.keys(definition.attributes.category_uid.enum)[0]),
    categoryName: Object.values(definition.attributes.category_uid.enum)[0],
    activities: definition.attributes.activity_id.enum,
    statuses: definition.attributes.status_id.enum,
  };
}

const captionOf = {
  severity: facts.classes.base_event.attributes.severity_id.enum,
  riskLevel: facts.classes.detection_finding.attributes.risk_level_id.enum,
  authProtocol: facts.classes.authentication.attributes.auth_protocol_id.enum,
  logonType: facts.classes.authentication.attributes.logon_type_id.enum,
  authFactor: facts.objects.auth_factor.attributes.factor_type_id.enum,
  userType: facts.objects.user.attributes.type_id.enum,
  entityType: facts.objects.managed_entity.attributes.type_id.enum,
  deviceType: facts.objects.device.attributes.type_id.enum,
  osType: facts.objects.os.attributes.type_id.enum,
  hashAlgorithm: facts.objects.fingerprint.attributes.algorithm_id.enum,
  observableType: Object.fromEntries(Object.entries(facts.observable_types).map(([id, { caption }]) => [id, caption])),
};

/** TypeScript source of a table from number to caption. */
const table = (entries) =>
  `{ ${Object.entries(entries)
    .map(([id, caption]) => `${id}: ${JSON.stringify(caption)}`)
    .join(', ')} }`;

const classNames = Object.keys(classTable);
const byUid = Object.entries(classTable).sort(([, one], [, other]) => one.uid - other.uid);
const variable = (name) => name.replace(/_(\w)/g, (_match, letter) => letter.toUpperCase());

write(
  'schemas/ocsf.ts',
  `// ${source} Do not edit.

${[...classNames, 'objects']
  .sort()
  .map((name) => `import ${variable(name)} from './ocsf/${name}.json' with { type: 'json' };`)
  .join('\n')}

/** The OCSF release that the tables below describe. */
export const version = '${facts.version}';

/** The classes that the mappers emit, by the schema's own name. */
export const classes = {
${byUid
  .map(
    ([name, one]) => `  ${name}: {
    uid: ${one.uid},
    caption: '${one.caption}',
    categoryUid: ${one.categoryUid},
    categoryName: '${one.categoryName}',
    activities: ${table(one.activities)},
    statuses: ${table(one.statuses)},
    schema: ${variable(name)},
  },`,
  )
  .join('\n')}
};

/** The JSON Schemas of the objects that those of the classes refer to. */
export const objectSchemas = objects.$defs;

/** Captions by id, as the schema spells them. */
export const captions = {
${Object.entries(captionOf)
  .map(([name, entries]) => `  ${name}: ${table(entries)},`)
  .join('\n')}
};
`,
);
