import { statfs } from 'node:fs/promises';
import { annotatedSchema } from '../../config/keys.js';
import { resolveEndpoints } from '../../jumpcloud/http/endpoints.js';
import type { ConsoleHost } from '../../runtime/supervisor.js';
import { sinks } from '../../sinks/registry.js';
import { version } from '../../version.js';
import type { Json } from '../answers.js';
import type { Audit } from '../audit.js';
import { exportFeeds } from '../feeds/export-feeds.js';
import type { FeedStore } from '../feeds/feed-store.js';
import type { Handlers } from '../handler.js';
import { openApi } from '../openapi.js';
import { refused } from '../problem.js';
import type { ConsoleSettings } from '../settings.js';

export interface SystemParts {
  readonly host: ConsoleHost;
  readonly settings: ConsoleSettings;
  readonly store: FeedStore;
  readonly audit: Audit;
  readonly origin: () => string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type SystemOperation = 'catalogue' | 'configSchema' | 'audit' | 'verifyAudit' | 'export' | 'about' | 'openApi';

export function systemHandlers(parts: SystemParts): Pick<Handlers, SystemOperation> {
  const { host, settings, store, audit, origin, now } = parts;
  const { addresses, roots } = settings;
  const document = openApi() as Json;
  const schema = annotatedSchema() as unknown as Json;
  return {
    async catalogue() {
      return {
        json: {
          sources: [
            {
              id: 'jumpcloud',
              title: 'JumpCloud',
              description: 'Logins and administration of a JumpCloud organization, from Directory Insights.',
              needs: 'An administrator or service account that may read Directory Insights.',
              methods: [
                {
                  id: 'api',
                  title: 'API Ingest',
                  description: 'The collector asks the Directory Insights API every minute.',
                },
              ],
            },
          ],
          sinks: Object.keys(sinks),
          regions: ['us', 'eu', 'in'].map((id) => ({
            id,
            title: id.toUpperCase(),
            baseUrl: resolveEndpoints({ region: id }).baseUrl,
          })),
          addresses,
          roots: { tables: roots.tables ?? null, secrets: roots.secrets ?? null, ca: roots.ca ?? null },
        },
      };
    },
    configSchema: async () => ({ json: schema }),
    openApi: async () => ({ json: document }),
    async audit({ query }) {
      const before = query.get('before');
      const [actor, target] = [query.get('actor'), query.get('target')];
      if (before !== null && !/^\d{1,15}$/.test(before))
        throw refused(422, 'BEFORE', 'before is no number of a line.', 'Send the next of the answer before.');
      const filter = { ...(actor === null ? {} : { actor }), ...(target === null ? {} : { target }) };
      return { json: await audit.page(before === null ? undefined : Number(before), filter) };
    },
    verifyAudit: async () => ({ json: await audit.verify() }),
    async export({ query }) {
      const feed = query.get('feed') ?? undefined;
      const text = exportFeeds(host.supervisor.list(), feed);
      if (text === undefined) throw refused(404, 'NO_FEED', 'There is no feed of that name.', 'See the list of feeds.');
      return {
        text,
        type: 'application/yaml; charset=utf-8',
        headers: { 'content-disposition': 'attachment; filename="jumpcloud-ocsf.yaml"' },
      };
    },
    async about() {
      const view = host.board.view();
      const places = [settings.directory, ...(roots.tables === undefined ? [] : [roots.tables])];
      const disks = await Promise.all(
        places.map(async (path) => {
          const found = await statfs(path).catch(() => undefined);
          return { path, freeBytes: found === undefined ? null : found.bavail * found.bsize };
        }),
      );
      const limit = process.constrainedMemory();
      const skews = view.feeds.flatMap(({ clockSkewSeconds }) => (clockSkewSeconds === null ? [] : [clockSkewSeconds]));
      const { http } = host.shared;
      const managed = await store.names();
      return {
        json: {
          name: view.program.name,
          version,
          ocsf: view.program.ocsf,
          node: process.version,
          startedAt: view.startedAt,
          now: new Date(now()).toISOString(),
          files: [...host.files, ...managed.map((name) => `feeds.d/${name}.yaml`)],
          notes: host.notes,
          listeners: [origin(), ...(http.enabled ? [`http://${http.host}:${http.port}`] : [])],
          disks,
          memory: {
            residentBytes: process.memoryUsage.rss(),
            limitBytes: limit > 0 && limit < 2 ** 50 ? limit : null,
          },
          clockSkewSeconds: skews[0] ?? null,
        },
      };
    },
  };
}
