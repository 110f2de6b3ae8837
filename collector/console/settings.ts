import type { Roots } from './feeds/path-rule.js';

/** How the console is configured. Names ending in `Ms` are milliseconds. */
export interface ConsoleSettings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** As people reach it through a proxy: `https://console.example.com`. */
  readonly publicUrl: string | undefined;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Absolute. */
  readonly directory: string;
  /** False: nothing can be changed here. */
  readonly manage: boolean;
  readonly session: { readonly idleMs: number; readonly maxMs: number };
  /** Hosts that an address may name. */
  readonly addresses: readonly string[];
  readonly roots: Roots;
  readonly query: {
    readonly enabled: boolean;
    readonly memory: string;
    readonly timeoutMs: number;
    readonly rows: number;
  };
}
