import { createRequire } from 'node:module';

/** What a compiled schema says is wrong with a value. */
export interface SchemaError {
  /** JSON Pointer of the place. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** A compiled schema: true for a valid value, else false with `errors` filled until the next call. */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly SchemaError[] | null;
}

/**
 * Loads a module that schemas/compile.mjs wrote to compiled/ in this directory: schemas/ for tests, dist/schemas/ for the
 * program. They are large: called where something is validated, not where a module is loaded.
 * @throws Error MODULE_NOT_FOUND where the schemas have not been compiled.
 */
export function loadCompiled(name: string): Readonly<Record<string, Validator>> {
  return createRequire(import.meta.url)(`./compiled/${name}.cjs`) as Readonly<Record<string, Validator>>;
}

/** One line per error: path and rule, without any value of the event. */
export function describeErrors(validator: Validator): string[] {
  return (validator.errors ?? []).map(({ instancePath, params, message, keyword }) => {
    const extra = keyword === 'additionalProperties' ? ` '${String(params.additionalProperty)}'` : '';
    return `${instancePath === '' ? '/' : instancePath}: ${message ?? keyword}${extra}`;
  });
}
