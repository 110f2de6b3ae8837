import { type Admin, Kafka, logLevel, Partitioners, type Producer, type Transaction } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AnswerHolder } from './answer-holder.js';
import { type Cluster, startCluster } from './broker.js';
import { apiKeys, ConnectionCutter } from './connection-cutter.js';
import { createOn, move } from './leaders.js';
import { withInternalReader } from './read-committed.js';
import { readTopic } from './read-topic.js';
import { describeKafka } from './when-kafka.js';

// What kafkajs 2.2.4 does when it is used as its documentation shows. Each test fails when a newer kafkajs or Kafka no
// longer behaves so: the rule of the sink that answers it may then be lifted.
describeKafka('defects of kafkajs on a real cluster of three', () => {
  let cluster: Cluster;
  let admin: Admin;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
    admin = await cluster.admin();
  });
  afterAll(() => cluster?.stop());

  async function documentedProducer(
    transactionalId: string,
    more: object = {},
    { retries = 5, inFlight = 1 } = {},
  ): Promise<Producer> {
    const kafka = new Kafka({ brokers: [...cluster.brokers], logLevel: logLevel.NOTHING, ...more });
    const producer = kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: inFlight,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { retries, initialRetryTime: 100 },
    });
    await producer.connect();
    return producer;
  }

  /** Right after a transaction the coordinator asks for patience, which would use up a single retry. */
  const settle = (ms = 1_000) => new Promise((resolve) => setTimeout(resolve, ms));
  const message = (value: string, partition: number) => ({ key: value, value, partition });

  /**
   * A transaction to which both partitions belong already: a coordinator that is busy adding them would make kafkajs look
   * for the leaders again, and nothing would be stale.
   */
  async function warmTransaction(producer: Producer, topic: string): Promise<Transaction> {
    const transaction = await producer.transaction();
    // One after the other: two at once can make the coordinator refuse one of them, which is where defect L begins.
    for (const partition of [0, 1]) await transaction.send({ topic, messages: [message('warm', partition)] });
    return transaction;
  }

  it('A: a leader that moves before a send to two partitions loses a record, and the transaction commits', async () => {
    await createOn(admin, 'a-loss', [1, 2]);
    const producer = await documentedProducer('a-loss');
    const transaction = await warmTransaction(producer, 'a-loss');
    await move(admin, 'a-loss', 1, 1);

    const acknowledged = await transaction.send({ topic: 'a-loss', messages: [message('x0', 0), message('x1', 1)] });
    await transaction.commit();
    await producer.disconnect();

    expect(acknowledged.map(({ partition }) => partition)).toEqual([0]);
    const values = (await readTopic(cluster, 'a-loss')).map(({ value }) => value);
    expect(values.sort()).toEqual(['warm', 'warm', 'x0']);
  });

  it('A: a partition that was acknowledged and then moves while another is retried is written twice', async () => {
    await createOn(admin, 'a-double', [1, 2]);
    const holding = new AnswerHolder(cluster.nodes[1]?.address);
    const producer = await documentedProducer('a-double', { socketFactory: holding.socketFactory });
    const transaction = await warmTransaction(producer, 'a-double');
    await move(admin, 'a-double', 1, 3);

    holding.hold(apiKeys.produce);
    const sending = transaction.send({ topic: 'a-double', messages: [message('x0', 0), message('x1', 1)] });
    await settle();
    await move(admin, 'a-double', 0, 3);
    holding.release();
    const acknowledged = await sending;
    await transaction.commit();
    await producer.disconnect();

    expect(acknowledged.map(({ partition }) => partition).sort()).toEqual([0, 0, 1]);
    const values = (await readTopic(cluster, 'a-double')).map(({ value }) => value);
    expect(values.sort()).toEqual(['warm', 'warm', 'x0', 'x0', 'x1']);
  });

  it('L: one broker refuses while another has not answered yet; what that one wrote is written twice, acknowledged once', async () => {
    await createOn(admin, 'l', [1, 2]);
    const holding = new AnswerHolder(cluster.nodes[0]?.address);
    // With one request in flight it takes another broker to ask for the new leader, which kafkajs picks at random.
    const producer = await documentedProducer('l', { socketFactory: holding.socketFactory }, { inFlight: 2 });
    const transaction = await warmTransaction(producer, 'l');
    await move(admin, 'l', 1, 3);

    holding.hold(apiKeys.produce);
    const sending = transaction.send({ topic: 'l', messages: [message('x0', 0), message('x1', 1)] });
    // Time for the refusal to come and for the retry to stand in line behind the unanswered request.
    await settle(4_000);
    holding.release();
    const acknowledged = await sending;
    await transaction.commit();
    await producer.disconnect();

    // The list of acknowledgements is flawless: no check of it can notice. Only not retrying helps.
    expect(acknowledged.map(({ partition }) => partition).sort()).toEqual([0, 1]);
    const values = (await readTopic(cluster, 'l')).map(({ value }) => value);
    expect(values.sort()).toEqual(['warm', 'warm', 'x0', 'x0', 'x1']);
  });

  it('B: after one send whose answers were lost, the next transaction of equal length is swallowed', async () => {
    await createOn(admin, 'b', [1]);
    const cutter = new ConnectionCutter();
    const producer = await documentedProducer('b', { socketFactory: cutter.socketFactory }, { retries: 1 });
    const first = await producer.transaction();
    await first.send({ topic: 'b', messages: [message('first', 0)] });
    await first.commit();

    await settle();
    const second = await producer.transaction();
    cutter.loseAnswer(apiKeys.produce, 2);
    await expect(second.send({ topic: 'b', messages: [message('second', 0)] })).rejects.toThrow();
    await second.abort();
    await settle();
    const third = await producer.transaction();
    await third.send({ topic: 'b', messages: [message('third', 0)] });
    await third.commit();
    await producer.disconnect();

    expect((await readTopic(cluster, 'b')).map(({ value }) => value)).toEqual(['first']);
  });

  it('K: what admin calls the high watermark ends before the first open transaction of anybody', async () => {
    await createOn(admin, 'k', [1]);
    const open = await documentedProducer('k-open');
    const transaction = await open.transaction();
    await transaction.send({ topic: 'k', messages: [message('open', 0)] });
    const plain = new Kafka({ brokers: [...cluster.brokers], logLevel: logLevel.NOTHING }).producer();
    await plain.connect();
    await plain.send({ topic: 'k', messages: [message('x0', 0), message('x1', 0)] });

    const [told] = await admin.fetchTopicOffsets('k');
    const { end } = await withInternalReader(cluster, (reader) => reader.bounds('k', 0));
    await transaction.abort();
    await Promise.all([open.disconnect(), plain.disconnect()]);

    expect(told?.high).toBe('0');
    expect(end).toBe(3n);
  });
});
