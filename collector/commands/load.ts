import { readdirSync } from 'node:fs';
import type { Flags } from '../config/flags.js';
import {
  defaultConfigFile,
  type LoadedConfig,
  loadConfig,
  readFileFromDisk,
  refuseInvalid,
} from '../config/load-config.js';
import { createLog, type RootLog } from '../log/logger.js';
import { processRedactor } from '../log/redactor.js';
import { processMemory } from '../pipeline/process-memory.js';

/** What every verb with a configuration begins with. */
export interface SetUp {
  readonly config: LoadedConfig;
  readonly log: RootLog;
}

/** Reads the configuration and opens the log, which masks every secret from then on. @throws CollectorError CONFIG_… */
export function setUp(flags: Flags, read = readConfig): SetUp {
  const config = read(flags);
  const log = createLog({ ...config.shared.log, redactor: processRedactor, noColor: process.env.NO_COLOR });
  for (const secret of config.secrets) log.redact(secret.reveal());
  processMemory.resize(config.shared.memory.budget);
  for (const note of config.notes) log.warn(note);
  return { config, log };
}

/** The configuration by flags, environment and files, every feed of it sound. @throws CollectorError CONFIG_… */
export function readConfig(flags: Flags): LoadedConfig {
  const config = readConfigWithInvalid(flags);
  refuseInvalid(config);
  return config;
}

/**
 * The configuration; a feed whose own file cannot be used leaves the others alone.
 * @throws CollectorError CONFIG_…
 */
export function readConfigWithInvalid(flags: Flags): LoadedConfig {
  return loadConfig({
    flags,
    env: process.env,
    readFile: readFileFromDisk,
    readDirectory: readdirSync,
    defaultFile: defaultConfigFile,
  });
}
