/** kafkajs' own encoding of batches, which it does not export: what ours is compared with. */
declare module 'kafkajs/src/protocol/recordBatch/record/v0/index.js' {
  interface EncodedRecord {
    readonly buf: Buffer;
  }
  function Record(record: {
    offsetDelta: number;
    timestampDelta: number;
    key: string;
    value: Buffer | string | null;
    headers: Readonly<Record<string, string>>;
  }): EncodedRecord;
  export = Record;
}

declare module 'kafkajs/src/protocol/recordBatch/v0/index.js' {
  const module: {
    RecordBatch(batch: {
      compression: number;
      firstTimestamp: number;
      maxTimestamp: number;
      lastOffsetDelta: number;
      transactional: boolean;
      producerId: string;
      producerEpoch: number;
      firstSequence: number;
      records: readonly unknown[];
    }): Promise<{ readonly buffer: Buffer }>;
  };
  export = module;
}
