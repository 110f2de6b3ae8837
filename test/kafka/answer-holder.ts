import { connect, type Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

type OnData = (data: Buffer) => void;

/** Connections on which one broker's answers of one kind can be held back, as those of a broker that waits for replicas. */
export class AnswerHolder {
  readonly #port: number;
  /** Whole answers that wait, with who waits for them. */
  readonly #held: (() => void)[] = [];
  #apiKey: number | undefined;

  /** @param address of the broker, host:port */
  constructor(address = '') {
    this.#port = Number(address.split(':')[1]);
  }

  /** Answers to requests of this kind that are sent from here on stay on the way. */
  hold(apiKey: number): void {
    this.#apiKey = apiKey;
  }

  release(): void {
    this.#apiKey = undefined;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  readonly socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = connect({ host, port }, onConnect);
    if (port === this.#port) this.#watch(socket);
    return socket;
  };

  /** Requests and answers belong together by correlation id: bytes 8 to 11 of a request, 4 to 7 of an answer. */
  #watch(socket: Socket): void {
    const awaited = new Set<number>();
    const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
    socket.write = ((data: Buffer, ...rest: unknown[]) => {
      if (data.length > 11 && data.readInt16BE(4) === this.#apiKey) awaited.add(data.readInt32BE(8));
      return write(data, ...rest);
    }) as Socket['write'];
    const on = socket.on.bind(socket) as (event: string, listener: (...given: never[]) => void) => Socket;
    socket.on = ((event: string, listener: OnData) =>
      on(event, event === 'data' ? this.#sorting(listener, awaited) : listener)) as Socket['on'];
  }

  #sorting(listener: OnData, awaited: Set<number>): OnData {
    let rest = Buffer.alloc(0);
    return (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const answer = rest.subarray(0, 4 + rest.readInt32BE(0));
        rest = rest.subarray(answer.length);
        if (awaited.delete(answer.readInt32BE(4))) this.#held.push(() => listener(answer));
        else listener(answer);
      }
    };
  }
}
