import { connect, type Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

/** Connections on which one broker's answers can be held back, as a broker does that waits for its replicas. */
export class AnswerHolder {
  readonly #port: number;
  readonly #held = new Set<Socket>();
  #apiKey: number | undefined;

  /** @param address of the broker, host:port */
  constructor(address = '') {
    this.#port = Number(address.split(':')[1]);
  }

  /** From the next request of this kind on, the broker's answers stay on the way. */
  hold(apiKey: number): void {
    this.#apiKey = apiKey;
  }

  release(): void {
    this.#apiKey = undefined;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }

  readonly socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = connect({ host, port }, onConnect);
    const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
    socket.write = ((data: Buffer, ...rest: unknown[]) => {
      if (port === this.#port && data.length > 5 && data.readInt16BE(4) === this.#apiKey) {
        socket.pause();
        this.#held.add(socket);
      }
      return write(data, ...rest);
    }) as Socket['write'];
    return socket;
  };
}
