import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject } from '../../mappings/json.js';
import type { OcsfTarget } from '../../schemas/ocsf-target.js';
import type { Clock } from '../clock.js';
import { CollectorError } from '../errors.js';
import { makeDirectory } from '../files/durable-file.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { readList } from '../jumpcloud/directory/list.js';
import { addCounts, type Cursor, firstCursor, noCounts } from '../position/cursor.js';
import { INVENTORY_LANE } from '../position/lane-name.js';
import type { LaneSink, Sink } from '../sinks/sink.js';
import { deliver, type InventoryContent, type StageCounts } from './deliver.js';
import type { Employees } from './employees.js';
import { KnownState, removeGenerations } from './known-state.js';
import { type Manifest, readManifest, type SealedStage } from './manifest.js';
import { keepNames } from './names.js';
import type { InventoryObserver } from './observer.js';
import { INVENTORY_SLOT, type InventoryPosition, type Marker, type MarkerStage, positionOf } from './position.js';
import { readSnapshot } from './read-snapshot.js';
import { rebuildKnown } from './rebuild-known.js';
import { edgeStages, objectStages, type StageName } from './stages.js';

/** What a feed's inventory is configured with. */
export interface InventorySettings {
  readonly feed: string;
  readonly baseUrl: string;
  readonly region: string | undefined;
  /** `jumpcloud.orgId`; undefined: the credential's only organization. */
  readonly organization: string | undefined;
  /** Tag on everything. */
  readonly accountName: string | undefined;
  /** Where spools and what is known are kept. */
  readonly directory: string;
  readonly accountEdges: boolean;
  /** Whether names are kept for the enrichment of events. */
  readonly names: boolean;
  readonly mapper: { readonly name: string; readonly version: string };
  readonly target: OcsfTarget;
}

export interface InventoryParts {
  readonly ask: AskDirectory;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly observer: InventoryObserver;
  readonly employees: Employees;
}

/** One run of an inventory. */
export interface InventoryOrder {
  readonly stages: readonly StageName[];
  /** Everything is delivered, changed or not. */
  readonly full: boolean;
  /** Nothing is delivered or kept. */
  readonly dryRun: boolean;
  /** Stages whose held removals an operator releases. */
  readonly confirmed: ReadonlySet<StageName>;
}

/** How a run ended. */
export interface InventoryReport {
  readonly marker: Marker;
  /** The refusal that ended the reading early. */
  readonly refused: CollectorError | undefined;
}

/**
 * Reads the directory and delivers what changed since the last time, under the lock of the lane `inventory`. A generation
 * that a crash interrupted is first delivered to its end.
 * @throws CollectorError LANE_IN_USE, ORGANIZATION_CHANGED, STATE_CORRUPT, ABORTED, or what the sink throws
 */
export async function runInventory(
  order: InventoryOrder,
  settings: InventorySettings,
  parts: InventoryParts,
  signal?: AbortSignal,
): Promise<InventoryReport> {
  const lane = parts.sink.lane(INVENTORY_LANE);
  try {
    const committed = await lane.open();
    const run = await Run.open(lane, committed?.cursor, settings, parts);
    return await run.generation(order, signal);
  } finally {
    await lane.close();
  }
}

/** The slot in which a generation's files are. */
function generationDirectory(directory: string, generation: number): string {
  return join(directory, `generation-${generation}`);
}

class Run {
  private constructor(
    private readonly lane: LaneSink,
    private cursor: Cursor,
    private position: InventoryPosition | undefined,
    private readonly known: KnownState,
    private readonly settings: InventorySettings,
    private readonly parts: InventoryParts,
  ) {}

  static async open(
    lane: LaneSink,
    stored: Cursor | undefined,
    settings: InventorySettings,
    parts: InventoryParts,
  ): Promise<Run> {
    const { directory, feed, baseUrl } = settings;
    await makeDirectory(directory);
    const now = parts.clock.now();
    const start = Math.floor(now / 1000);
    const cursor =
      stored ?? firstCursor({ feed, lane: INVENTORY_LANE, organization: undefined, baseUrl, start, services: [], now });
    const position = positionOf(stored);
    let known = await KnownState.open(directory);
    if (known !== undefined && known.newest > (position?.generation ?? 0)) throw ahead(directory);
    if (known === undefined && position !== undefined && parts.sink.currentEntities !== undefined) {
      const records = await rebuildKnown(directory, parts.sink, position);
      known = await KnownState.open(directory);
      parts.observer({ type: 'rebuilt', records });
    }
    return new Run(lane, cursor, position, known ?? (await KnownState.create(directory)), settings, parts);
  }

  async generation(order: InventoryOrder, signal: AbortSignal | undefined): Promise<InventoryReport> {
    if (!order.dryRun) await this.#finishInterrupted();
    const { parts, settings, known, position } = this;
    const organization = await this.#organization(signal);
    const { accountName, region } = settings;
    const generation = (position?.generation ?? 0) + 1;
    const startedAt = parts.clock.now();
    const isForgotten = known.newest === 0 && position !== undefined;
    const full = order.full || isForgotten || (position !== undefined && position.accountName !== accountName);
    const snapshotId = `snap-${new Date(startedAt).toISOString()}-${String(generation).padStart(6, '0')}`;
    const directory = order.dryRun
      ? join(settings.directory, 'generation-0')
      : generationDirectory(settings.directory, generation);
    // A dry run leaves alone what a generation that was broken off has still to deliver.
    const clear = () =>
      order.dryRun ? rm(directory, { recursive: true, force: true }) : removeGenerations(settings.directory, undefined);
    await clear();
    parts.observer({ type: 'started', generation, stages: order.stages, full });
    const head = { generation, snapshotId, organization, accountName, region, full, startedAt };
    const { manifest, refused } = await readSnapshot(
      { directory, head, stages: order.stages, confirmed: order.confirmed, after: position?.observedAt ?? 0 },
      { ask: parts.ask, known, clock: parts.clock, observer: parts.observer },
      signal,
    );
    const marker = await this.#deliver(directory, manifest, undefined, order.dryRun);
    await clear();
    return { marker, refused };
  }

  /** A reading that was sealed but not delivered whole is delivered to its end. */
  async #finishInterrupted(): Promise<void> {
    const { position, settings } = this;
    const isOpen = position !== undefined && !position.finished;
    const generation = isOpen ? position.generation : (position?.generation ?? 0) + 1;
    const directory = generationDirectory(settings.directory, generation);
    const manifest = await readManifest(directory);
    if (manifest === undefined || manifest.generation !== generation) return;
    this.parts.observer({ type: 'resumed', generation });
    await this.#deliver(directory, manifest, isOpen ? position.at : undefined, false);
  }

  async #deliver(
    directory: string,
    manifest: Manifest,
    delivered: InventoryPosition['at'],
    dryRun: boolean,
  ): Promise<Marker> {
    const { parts, settings, known } = this;
    const counts: StageCounts[] = [];
    // What is known may only be of a generation that the sink has heard of, also where its stages change nothing.
    if (!dryRun && this.position?.generation !== manifest.generation)
      await this.#commit(manifest, { events: [], entities: [], deadLetters: [] }, { at: undefined, finished: false });
    await deliver({
      directory,
      manifest,
      known,
      employees: parts.employees,
      accountEdges: settings.accountEdges,
      feed: settings.feed,
      mapper: settings.mapper,
      target: settings.target,
      delivered,
      commit: dryRun ? undefined : (content, at) => this.#commit(manifest, content, { at, finished: false }),
      onStage: (stage) => {
        counts.push(stage);
        parts.observer({ type: 'delivered', ...stage });
      },
    });
    const marker = markerOf(manifest, counts, this.position?.marker, parts.clock.now());
    const users = manifest.stages.find(({ name }) => name === 'users');
    if (!dryRun && settings.names && users !== undefined) {
      const from = { known: known.path('users'), employees: parts.employees };
      // Before the last commit: a crash repeats it, with the same result. Without names the inventory is whole all the same.
      await keepNames(settings.directory, from, { ...manifest, observedAt: users.observedAt }).catch((error: unknown) =>
        parts.observer({ type: 'names_not_kept', reason: String(error) }),
      );
    }
    if (!dryRun) await this.#finish(manifest, marker);
    if (!dryRun && this.position !== undefined) parts.observer({ type: 'position', position: this.position });
    parts.observer({ type: 'finished', marker, durationMs: marker.finished - marker.started });
    return marker;
  }

  /** The last commit of a generation: its marker. */
  #finish(manifest: Manifest, marker: Marker): Promise<void> {
    const observedAt = Math.max(marker.finished, ...manifest.stages.map((stage) => stage.observedAt));
    const entity = { type: 'snapshot', key: manifest.organization.id, value: JSON.stringify(marker), observedAt };
    const content = { events: [], entities: [entity], deadLetters: [] };
    return this.#commit(manifest, content, { at: undefined, finished: true, marker, observedAt });
  }

  async #commit(
    manifest: Manifest,
    { events, entities, deadLetters }: InventoryContent,
    next: Partial<InventoryPosition> & Pick<InventoryPosition, 'at' | 'finished'>,
  ): Promise<void> {
    const now = this.parts.clock.now();
    const { position, cursor } = this;
    const readAt = Object.fromEntries(
      manifest.stages
        .filter(({ incomplete }) => incomplete === undefined)
        // Observations never go back; the clock may.
        .map(({ name, observedAt }) => [name, Math.min(observedAt, now)]),
    );
    const observedAt = Math.max(position?.observedAt ?? 0, ...manifest.stages.map((stage) => stage.observedAt));
    const moved: InventoryPosition = {
      version: 1,
      organization: manifest.organization.id,
      generation: manifest.generation,
      observedAt,
      readAt: { ...position?.readAt, ...(next.finished ? readAt : {}) },
      fullAt: next.finished && manifest.full ? manifest.startedAt : (position?.fullAt ?? manifest.startedAt),
      complete: next.marker?.incomplete.length === 0 ? completed(next.marker) : position?.complete,
      accountName: manifest.accountName,
      marker: position?.marker,
      ...next,
    };
    const delivered = { ...noCounts, records: events.length + deadLetters.length, events: events.length };
    const following: Cursor = {
      ...cursor,
      organization: manifest.organization.id,
      counts: addCounts(cursor.counts, { ...delivered, deadLetters: deadLetters.length }),
      extensions: { ...cursor.extensions, [INVENTORY_SLOT]: JSON.parse(JSON.stringify(moved)) },
      committedAt: now,
    };
    await this.lane.commit({
      events,
      deadLetters,
      raw: [],
      entities,
      cursor: following,
      dedupeAdditions: [],
      evictBefore: Number.MIN_SAFE_INTEGER,
    });
    this.cursor = following;
    this.position = moved;
  }

  /** The organization that the credential reads. @throws CollectorError ORGANIZATION_CHANGED, or why it is not known */
  async #organization(signal: AbortSignal | undefined): Promise<Manifest['organization']> {
    const { settings, parts, position } = this;
    const found = await listOrganizations(parts.ask, signal);
    const named = settings.organization ?? (found.list.length === 1 ? found.list[0]?.id : undefined);
    if (named === undefined) {
      if (found.failure !== undefined) throw found.failure;
      throw new CollectorError('ORGANIZATION_MISSING', `The credential reads ${found.list.length} organizations.`, {
        cure: 'Set jumpcloud.orgId: Admin Portal, Settings, Organization Profile, Organization ID.',
      });
    }
    if (position !== undefined && position.organization !== named) {
      throw new CollectorError(
        'ORGANIZATION_CHANGED',
        `The inventory is of organization ${position.organization}; this credential reads ${named}.`,
        { cure: 'Use a credential of that organization, or another feed for this one. Nothing was delivered.' },
      );
    }
    return { id: named, name: found.list.find(({ id }) => id === named)?.name };
  }
}

async function listOrganizations(ask: AskDirectory, signal: AbortSignal | undefined) {
  const list: { id: string; name: string | undefined }[] = [];
  const stage = objectStages.find(({ name }) => name === 'organization');
  const { failure } = await readList(
    ask,
    (stage as (typeof objectStages)[number]).list,
    {
      begin: () => list.splice(0),
      row(row) {
        const id = isObject(row) ? (row._id ?? row.id) : undefined;
        if (!isObject(row) || typeof id !== 'string') return { unusable: 'a row has no id' };
        list.push({
          id,
          name: typeof row.displayName === 'string' && row.displayName !== '' ? row.displayName : undefined,
        });
        return { id };
      },
    },
    signal,
  );
  return { list, failure };
}

function completed({ generation, finished }: Marker): InventoryPosition['complete'] {
  return { generation, at: finished };
}

/** The marker of a generation; what it did not read is as in the last marker, so that no held removal is forgotten. */
function markerOf(manifest: Manifest, counts: readonly StageCounts[], before: Marker | undefined, now: number): Marker {
  const read = counts.map(({ stage, upserts, gone, known }): MarkerStage => {
    const sealed = manifest.stages.find(({ name }) => name === stage);
    const last = before?.stages.find((one) => one.stage === stage);
    // Its edges were only cut from what is gone.
    if (sealed === undefined && last !== undefined && edgeStages.some(({ name }) => name === stage))
      return { generation: before?.generation ?? 0, ...last, count: known, changed: upserts, gone };
    return {
      stage,
      complete: sealed?.incomplete === undefined,
      ...(sealed?.incomplete === undefined ? {} : { reason: sealed.incomplete }),
      count: known,
      ...(sealed === undefined || sealed.nulls === 0 ? {} : { nulls: sealed.nulls }),
      changed: upserts,
      gone,
      ...heldOf(sealed, before),
    };
  });
  const kept = (before?.stages ?? [])
    .filter(({ stage }) => !read.some((one) => one.stage === stage))
    .map((stage) => ({ generation: before?.generation ?? 0, ...stage, changed: 0, gone: 0 }));
  const stages = [...read, ...kept];
  return {
    v: 1,
    generation: manifest.generation,
    snapshot: manifest.snapshotId,
    org: manifest.organization.id,
    ...(manifest.accountName === undefined ? {} : { account_name: manifest.accountName }),
    full: manifest.full,
    started: manifest.startedAt,
    finished: now,
    stages,
    incomplete: stages.filter(({ complete }) => !complete).map(({ stage }) => stage),
    removals_held: stages.reduce((total, { held = 0 }) => total + held, 0),
  };
}

/** A hold ends with a reading that can decide, or with an operator; never with a reading that cannot. */
function heldOf(
  sealed: SealedStage | undefined,
  before: Marker | undefined,
): Pick<MarkerStage, 'held' | 'held_reason'> {
  if (sealed === undefined) return {};
  if (!sealed.countsAbsence) {
    const { held, held_reason } = before?.stages.find(({ stage }) => stage === sealed.name) ?? {};
    return { ...(held === undefined ? {} : { held }), ...(held_reason === undefined ? {} : { held_reason }) };
  }
  const { held, reason } = sealed.removals;
  return held === 0 ? {} : { held, held_reason: reason ?? 'unknown' };
}

function ahead(directory: string): CollectorError {
  return new CollectorError(
    'STATE_CORRUPT',
    `What the inventory knows (${directory}) is newer than what its sink holds: the sink lost commits.`,
    { cure: `Restore the sink, or remove ${directory}: the next run then delivers everything again.` },
  );
}
