import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the pages, in memory with its compressed forms. */
export interface Asset {
  readonly type: string;
  /** The name changes with the content. */
  readonly immutable: boolean;
  readonly plain: Buffer;
  /** By content-encoding. */
  readonly packed: ReadonlyMap<string, Buffer>;
}

/**
 * The pages, by the path of their address; `/` stands for every page. They are looked up and never opened by what a
 * request says, so that no request can name another file.
 */
export type Assets = ReadonlyMap<string, Asset>;

interface Manifest {
  readonly files: readonly {
    readonly path: string;
    readonly type: string;
    readonly immutable: boolean;
    readonly encodings: readonly string[];
  }[];
}

const BUILT = fileURLToPath(new URL('./web/', import.meta.url));

/** Reads what the build wrote; nothing where the pages are not built. */
export function readAssets(directory = BUILT): Assets {
  const assets = new Map<string, Asset>();
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Manifest;
  } catch {
    return assets;
  }
  for (const { path, type, immutable, encodings } of manifest.files) {
    const plain = readFileSync(join(directory, path));
    const packed = new Map(
      encodings.map((encoding) => [encoding, readFileSync(join(directory, `${path}.${encoding}`))]),
    );
    assets.set(path === '/index.html' ? '/' : path, { type, immutable, plain, packed });
  }
  return assets;
}

/** The asset for a path; every path without a dot that asks for HTML is a page. */
export function assetFor(assets: Assets, path: string, accept: string): Asset | undefined {
  const found = assets.get(path);
  if (found !== undefined) return found;
  return !path.includes('.') && accept.includes('text/html') ? assets.get('/') : undefined;
}
