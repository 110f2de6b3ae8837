import { hash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import { withShortMembers } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { inventoryEvent } from '../../mappings/inventory/inventory-event.js';
import type { InventoryKind, SnapshotContext } from '../../mappings/inventory/object.js';
import { sha256 } from '../../mappings/record.js';
import type { OcsfTarget } from '../../schemas/ocsf-target.js';
import { breathe } from '../clock.js';
import { exists, syncDirectory } from '../files/durable-file.js';
import type { Entity } from '../sinks/sink.js';
import { type Change, diffEdges, diffObjects, recordAfter } from './diff.js';
import type { Employees } from './employees.js';
import { edgeEntity, objectEntity, personEntity } from './entity.js';
import { edgeParts } from './entry.js';
import { IdSet } from './id-set.js';
import type { KnownState } from './known-state.js';
import type { Manifest, SealedStage } from './manifest.js';
import { personOf, writeAccountEdges, writePeople, writeRoleHolders } from './people.js';
import type { InventoryPosition } from './position.js';
import { spoolPath } from './read-snapshot.js';
import { readSorted, SortedWriter } from './sorted-file.js';
import { type DeliveredName, derivedNames, edgeStages, objectStages, stageNames } from './stages.js';

/** What one commit of an inventory carries. */
export interface InventoryContent {
  readonly events: readonly NormalisedEvent[];
  readonly entities: readonly Entity[];
  readonly deadLetters: readonly DeadLetter[];
}

export interface DeliveryParts {
  /** Where the generation's sealed files are. */
  readonly directory: string;
  readonly manifest: Manifest;
  readonly known: KnownState;
  readonly employees: Employees;
  readonly accountEdges: boolean;
  readonly feed: string;
  readonly mapper: { readonly name: string; readonly version: string };
  readonly target: OcsfTarget;
  /** What was committed of this generation before a crash. */
  readonly delivered: InventoryPosition['at'];
  /** Commits in one step; undefined: nothing is delivered or kept, changes are only counted. */
  readonly commit: ((content: InventoryContent, at: { stage: string; key: string }) => Promise<void>) | undefined;
  readonly onStage: (counts: StageCounts) => void;
}

/** What a stage changed. */
export interface StageCounts {
  readonly stage: DeliveredName;
  readonly upserts: number;
  readonly gone: number;
  /** Objects or edges known after it. */
  readonly known: number;
}

/** Objects of a commit. */
const MOST_OBJECTS = 1_000;
const MOST_OBJECT_TEXT = 4 * 1024 * 1024;
/** Edges of a commit: a table of small files would be slow to read. */
const MOST_EDGES = 100_000;
const MOST_EDGE_TEXT = 16 * 1024 * 1024;

const order: readonly DeliveredName[] = [...stageNames, ...derivedNames];

/** Delivers a sealed generation, stage by stage, each change once; what was known is replaced behind it. */
export async function deliver(parts: DeliveryParts): Promise<void> {
  const delivery = new Delivery(parts);
  for (const stage of order) await delivery.stage(stage);
}

class Delivery {
  readonly #parts: DeliveryParts;
  /** Ids that are gone in this generation. */
  readonly #gone: ReadonlySet<string>;
  readonly #lookedUp: ReadonlySet<string>;
  readonly #ids = new Map<DeliveredName, IdSet>();
  /** Of the edges that are delivered. */
  #parents: IdSet | undefined;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#gone = new Set(parts.manifest.stages.flatMap(({ removals }) => removals.gone));
    this.#lookedUp = new Set(parts.manifest.stages.flatMap(({ lookedUp = [] }) => lookedUp));
  }

  async stage(stage: DeliveredName): Promise<void> {
    const { manifest, known, commit } = this.#parts;
    const sealed = manifest.stages.find(({ name }) => name === stage);
    const isDone = known.generation(stage) >= manifest.generation;
    if (isDone) {
      this.#report(stage, 0, 0);
      return;
    }
    const isEdges = edgeStages.some(({ name }) => name === stage);
    const isDerived = (derivedNames as readonly string[]).includes(stage);
    if (isDerived) {
      if (commit === undefined || !this.#follows(stage)) return;
      await this.#derive(stage);
    } else if (sealed === undefined && !(isEdges && this.#gone.size > 0 && known.path(stage) !== undefined)) return;
    // What was committed of a later stage before a crash settles this one: only what is known has to catch up.
    const committed = this.#parts.delivered;
    const at = committed === undefined ? -1 : order.indexOf(committed.stage as DeliveredName);
    const mine = order.indexOf(stage);
    const after = at > mine ? 'all' : at === mine ? committed?.key : undefined;
    await this.#run(stage, sealed, after);
  }

  async #run(stage: DeliveredName, sealed: SealedStage | undefined, delivered: string | undefined): Promise<void> {
    const { known, manifest, commit } = this.#parts;
    const observedAt = sealed?.observedAt ?? this.#latest();
    const context = this.#context(observedAt);
    const next = known.next(stage, manifest.generation);
    const writer = commit === undefined ? undefined : new SortedWriter(next);
    const batch = new PendingBatch(isObjects(stage) ? [MOST_OBJECTS, MOST_OBJECT_TEXT] : [MOST_EDGES, MOST_EDGE_TEXT]);
    if (delivered === undefined) batch.letters.push(...deadLettersOf(sealed, context));
    let upserts = 0;
    let gone = 0;
    const pause = breathe();
    const send = async () => {
      if (batch.size > 0) await commit?.(batch.take(), { stage, key: batch.lastKey });
    };
    try {
      const edges = edgeStages.find(({ name }) => name === stage);
      if (edges !== undefined) {
        await this.#readIds();
        this.#parents = await IdSet.read(known.path(edges.parents));
      }
      for (const change of this.#changes(stage, sealed, Math.floor(observedAt / 1000))) {
        await pause();
        if (change.kind !== 'same' && delivered !== 'all') {
          const key = change.key.toString('hex');
          if (delivered === undefined || key > delivered) {
            if (change.kind === 'gone') gone += 1;
            else upserts += 1;
            this.#add(batch, stage, change, context);
            batch.lastKey = key;
            if (batch.isFull) await send();
          }
        }
        const record = recordAfter(change);
        if (record !== undefined) writer?.write(record);
      }
      await send();
    } catch (error) {
      writer?.abandon();
      throw error;
    }
    if (writer !== undefined) await known.replace(stage, manifest.generation, (await writer.finish()).records);
    this.#report(stage, upserts, gone);
  }

  #report(stage: DeliveredName, upserts: number, gone: number): void {
    this.#parts.onStage({ stage, upserts, gone, known: this.#parts.known.records(stage) });
  }

  #changes(stage: DeliveredName, sealed: SealedStage | undefined, observedAt: number): Iterable<Change> {
    const { known, directory, manifest } = this.#parts;
    const before = readSorted(known.path(stage));
    const rules = { observedAt, full: manifest.full };
    const read = sealed === undefined ? undefined : spoolPath(directory, stage);
    if (isObjects(stage)) return diffObjects(before, readSorted(read), sealed as SealedStage, rules);
    if (sealed !== undefined || edgeStages.some(({ name }) => name === stage)) {
      const allowed = sealed?.removals.allowed ?? false;
      const isKnown = (target: string) => this.#isKnown(stage, target);
      const hasParent = (parent: string) => this.#parents?.has(parent) ?? true;
      return diffEdges(before, readSorted(read), { ...rules, allowed, isKnown, hasParent, gone: this.#gone });
    }
    return diffDerived(before, readSorted(spoolPath(directory, stage)), rules);
  }

  #add(batch: PendingBatch, stage: DeliveredName, change: Change, context: SnapshotContext): void {
    const { key, before, after } = change;
    if (stage === 'people') {
      const { kind, id } = personOf(key);
      batch.add(personEntity(kind, id, after, context));
      return;
    }
    const objects = objectStages.find(({ name }) => name === stage);
    if (objects === undefined) {
      batch.add(edgeEntity(stage, edgeParts(key), after, context));
      return;
    }
    const entry = (after ?? before) as NonNullable<typeof before>;
    const kind: InventoryKind = objects.kind;
    const object = { kind, id: key.toString('hex'), fields: JSON.parse(entry.json.toString()) };
    batch.add(objectEntity(object, after, context));
    const isAccount = kind === 'user' || kind === 'administrator';
    const employee = isAccount ? this.#parts.employees.match(object.fields) : undefined;
    const activity = after === undefined ? 'gone' : 'collect';
    const digest = hash('sha256', entry.json, 'hex');
    batch.events.push(inventoryEvent(object, activity, digest, context, this.#parts.target, employee));
  }

  /** Whether a derived stage has to be looked at again. */
  #follows(stage: DeliveredName): boolean {
    const read = (name: string) => this.#parts.manifest.stages.some((one) => one.name === name);
    if (stage === 'role_holders') return read('administrators');
    if (stage === 'people') return read('users') || read('administrators');
    return this.#parts.accountEdges && (read('users') || read('groups'));
  }

  /** Writes what follows from what is known by now; once: a delivery that is repeated takes the same. */
  async #derive(stage: DeliveredName): Promise<void> {
    const { known, directory, manifest, employees } = this.#parts;
    const path = spoolPath(directory, stage);
    if (await exists(path)) return;
    const staged = `${path}.staged`;
    if (stage === 'role_holders') await writeRoleHolders(known.path('administrators'), staged);
    else if (stage === 'people')
      await writePeople(known.path('users'), known.path('administrators'), employees, staged);
    else await writeAccountEdges(manifest.organization.id, known.path('users'), known.path('groups'), staged);
    await rename(staged, path);
    await syncDirectory(directory);
  }

  /** Whether a list showed it; what was looked up is known from its next list on. */
  #isKnown(stage: DeliveredName, target: string): boolean {
    const kinds: readonly DeliveredName[] = stage === 'memberships' ? ['users'] : ['users', 'groups'];
    return !this.#lookedUp.has(target) && kinds.some((kind) => this.#ids.get(kind)?.has(target));
  }

  /** Reads which ends of edges are known, once: they are held while edges are judged. */
  async #readIds(): Promise<void> {
    const { known, commit, directory, manifest } = this.#parts;
    for (const stage of ['users', 'groups'] as const) {
      if (this.#ids.has(stage)) continue;
      const isRead = commit === undefined && manifest.stages.some(({ name }) => name === stage);
      this.#ids.set(stage, await IdSet.read(isRead ? spoolPath(directory, stage) : known.path(stage)));
    }
  }

  #latest(): number {
    const { manifest } = this.#parts;
    return Math.max(manifest.startedAt, ...manifest.stages.map(({ observedAt }) => observedAt));
  }

  #context(observedAt: number): SnapshotContext {
    const { manifest, feed, mapper } = this.#parts;
    const { organization, accountName, region, generation, snapshotId } = manifest;
    return { feed, organization, accountName, region, generation, snapshotId, observedAt, mapper };
  }
}

function isObjects(stage: DeliveredName): boolean {
  return objectStages.some(({ name }) => name === stage);
}

/** Of what follows from other stages nothing is missing by accident: what is not in it any more is gone. */
function diffDerived(
  known: Parameters<typeof diffObjects>[0],
  read: Parameters<typeof diffObjects>[1],
  rules: Parameters<typeof diffObjects>[3],
): Iterable<Change> {
  return derivedChanges(diffObjects(known, read, { countsAbsence: true, removals: nothing }, rules));
}

const nothing = { gone: [], found: [], allowed: true, held: 0, reason: undefined };

function* derivedChanges(changes: Iterable<Change>): Generator<Change, void, void> {
  for (const change of changes)
    yield (change.after?.absent ?? 0) > 0 ? { ...change, kind: 'gone', after: undefined } : change;
}

function deadLettersOf(sealed: SealedStage | undefined, context: SnapshotContext): DeadLetter[] {
  return (sealed?.deadLetters ?? []).map(({ reason, raw }, at) =>
    withShortMembers({
      uid: sha256(`inventory ${context.organization.id} ${context.generation} ${sealed?.name} ${at}`).slice(0, 32),
      reason: 'id_missing',
      message: `The directory's list of ${sealed?.name} holds a row that cannot be used: ${reason}.`,
      details: [],
      service: 'inventory',
      event_type: `inventory.${sealed?.name}`,
      organization: context.organization.id,
      time: context.observedAt,
      raw,
      raw_size: Buffer.byteLength(raw),
      raw_sha256: sha256(raw),
    }),
  );
}

/** What waits for the next commit. */
class PendingBatch {
  events: NormalisedEvent[] = [];
  letters: DeadLetter[] = [];
  lastKey = '';
  #entities: Entity[] = [];
  #text = 0;

  constructor(private readonly limits: readonly [records: number, text: number]) {}

  get size(): number {
    return this.#entities.length + this.letters.length;
  }

  get isFull(): boolean {
    return this.#entities.length >= this.limits[0] || this.#text >= this.limits[1];
  }

  add(entity: Entity): void {
    this.#entities.push(entity);
    this.#text += entity.key.length + (entity.value?.length ?? 0);
  }

  take(): InventoryContent {
    const content = { events: this.events, entities: this.#entities, deadLetters: this.letters };
    this.events = [];
    this.letters = [];
    this.#entities = [];
    this.#text = 0;
    return content;
  }
}
