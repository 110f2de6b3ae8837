import { type Claims, newestStates, sinkContract } from '../contract/sink-contract.js';
import { MemorySink } from './memory-sink.js';

const claims: Claims = {
  exactly_once: true,
  entities: true,
  find: true,
  holder: 'nobody but this test holds its lanes',
  check: 'there is nothing that could be missing',
  unresolvedDeadLetters: 'tests look at `deadLetters`',
  resetPosition: 'tests use `tamper`',
  rewritable: 'no test of the road rewrites events',
};

sinkContract('the test double', claims, async () => {
  const sink = new MemorySink();
  const connected = (fate: 'kept' | 'lost') => async () => {
    sink.fate = () => fate;
    return sink;
  };
  return {
    connect: connected('kept'),
    connectFailing: connected('lost'),
    read: async () => ({
      events: sink.events.map(({ uid }) => uid),
      deadLetters: sink.deadLetters.map(({ uid }) => uid),
      raw: sink.raw.map(({ uid }) => uid),
      entities: newestStates(
        sink.entities.map(({ value = 'null', ...entity }) => ({ ...entity, value: JSON.parse(value) })),
      ),
    }),
    dispose: async () => undefined,
  };
});
