import { captions, classes, objectSchemas, version } from './ocsf.js';
import { loadCompiled, type Validator } from './validators.js';

/**
 * What an event is about, by OCSF's name for the class in 1.8.0. The catalogue and the mappers name classes this way
 * alone; a target turns the name into the class of its own release.
 */
export type ClassName = keyof typeof classes;

/** Classes that no record of Directory Insights becomes: what the directory holds, and the steps of response. */
export const unrecordedClasses = [
  'user_inventory',
  'cloud_resources_inventory_info',
  'remediation_activity',
] as const satisfies ClassName[];

/** Classes that records are mapped to. */
export type EventClassName = Exclude<ClassName, (typeof unrecordedClasses)[number]>;

/** What a class fixes: its number, its category and the captions of its activities and states. */
export interface OcsfClass {
  /** `class_uid`. */
  readonly uid: number;
  readonly caption: string;
  readonly categoryUid: number;
  readonly categoryName: string;
  readonly activities: Readonly<Record<number, string>>;
  readonly statuses: Readonly<Record<number, string>>;
  /** Its JSON Schema; `$ref` is `objects.json#/$defs/NAME`, a name in `objectSchemas`. */
  readonly schema: object;
}

/** Captions by id. */
export type Captions = Readonly<Record<keyof typeof captions, Readonly<Record<number, string>>>>;

/**
 * One OCSF release as the mappers, sinks and monitoring see it. Another release is another object of this type, beside
 * a generated `ocsf.ts` of its own.
 */
export interface OcsfTarget {
  /** `metadata.version`. */
  readonly version: string;
  readonly classes: Readonly<Record<ClassName, OcsfClass>>;
  readonly captions: Captions;
  readonly objectSchemas: Readonly<Record<string, object>>;
  /** Compiled schemas of the classes. */
  readonly validators: Readonly<Record<ClassName, Validator>>;
}

let validators: OcsfTarget['validators'] | undefined;

/** The release that events are written to. */
export const ocsfTarget: OcsfTarget = {
  version,
  classes,
  captions,
  objectSchemas,
  get validators() {
    validators ??= loadCompiled('ocsf') as OcsfTarget['validators'];
    return validators;
  },
};

/** The name of a class by its number; undefined for a class that the mappers do not emit. */
export function classNameOf({ classes: known }: OcsfTarget, classUid: number): ClassName | undefined {
  return (Object.keys(known) as ClassName[]).find((name) => known[name].uid === classUid);
}
