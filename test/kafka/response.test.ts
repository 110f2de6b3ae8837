import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { openJournal } from '../../collector/files/hash-chained-journal.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { append } from '../../collector/response/action-journal.js';
import { planOf } from '../../collector/response/plan.js';
import { responseClientOf } from '../../collector/runtime/open-response.js';
import { responseGuardOf, startResponseDelivery } from '../../collector/runtime/response-delivery.js';
import { readTopic } from './read-topic.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

const plan = planOf(
  {
    ...{ verb: 'disable-user', user: 'ana.lima', group: undefined, requester: 'j.doe', reason: 'INC-1' },
    ...{ ticket: undefined, actionId: 'act_1', forceScheduled: false, notOurs: false, undoes: undefined },
  },
  {
    user: {
      ...{ id: '66a0c0ffee0000000000b001', username: 'ana.lima', email: '', state: 'ACTIVATED', suspended: false },
      ...{ passwordExpired: false, passwordExpiresAt: undefined, passwordNeverExpires: false },
      ...{ passwordElsewhere: false, synchronised: false, administrator: undefined },
    },
    ...{ group: undefined, member: undefined, groupsOfUser: [], administrators: [], scheduled: [] },
  },
  { allow: ['disable-user'], groups: [], protectedUsers: [], protectedGroups: [] },
  { disabledByUs: false, undone: undefined },
  Date.UTC(2026, 10, 28, 9),
);

describeKafka('the events of response on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('A20, A26: are in a topic of their own, each once over restarted deliveries', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'response-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const { feeds } = loadConfig({
      env: {
        SINK: 'kafka',
        KAFKA_BROKERS: cluster.brokers.join(','),
        KAFKA_TOPIC_PREFIX: 'acts.',
        RESPOND_CLIENT_ID: 'client',
        RESPOND_CLIENT_SECRET: 'a-client-secret-of-tests',
        RESPOND_DIRECTORY: directory,
      },
      readFile: readFileFromDisk,
    });
    const config = feeds[0]!;
    const log = createLog({ level: 'error', format: 'json' });
    const client = responseClientOf(config, log, {});
    const journal = await openJournal(config.respond.directory, 'response', systemTiming.now);
    await append(journal, { type: 'planned', plan });
    const deliver = () =>
      startResponseDelivery(config, new Map([['act_1', record]]), responseGuardOf(config, client, log), log).close();
    const record = { plan, approvals: [], intentAt: undefined, outcome: undefined };
    await deliver();
    const at = new Date(Date.UTC(2026, 10, 28, 9, 1)).toISOString();
    await append(journal, { type: 'intent', actionId: 'act_1', at, hash: plan.hash });
    const none = { code: undefined, refusal: undefined, requestId: undefined };
    const outcome = { result: 'verified', at, detail: 'suspended', status: 200, reads: 1, ...none } as const;
    await append(journal, { type: 'outcome', actionId: 'act_1', outcome });
    await deliver();
    await deliver();
    await journal.close();
    client.close();
    const events = (await readTopic(cluster, 'acts.response')).map(({ value }) => JSON.parse(String(value)));
    const codes = events.map(({ class_uid, metadata }) => `${class_uid} ${metadata.event_code}`).sort();
    expect(codes).toEqual(['3001 disable-user', '7001 step.proposed', '7001 step.sending', '7001 step.verified']);
    const admin = await cluster.admin();
    expect(await admin.listTopics()).not.toContain('acts.account_change');
  });
});
