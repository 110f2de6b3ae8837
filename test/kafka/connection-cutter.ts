import { connect as connectPlain, type Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';

/** Kafka's numbers of requests (protocol guide, "API Keys"). */
export const apiKeys = { produce: 0, fetch: 1, metadata: 3, initProducerId: 22, addPartitionsToTxn: 24, endTxn: 26 };

/**
 * Connections that lose answers: after a request of the given kind was written and the broker has had time to carry it
 * out, the connection ends without the answer.
 */
export class ConnectionCutter {
  #pending = new Map<number, number>();
  #refused = new Map<number, number>();
  #delay: { apiKey: number; ahead: { apiKey: number; spared: number } } | undefined;
  /** A request that is on its way, and what it comes ahead of. */
  #late: { apiKey: number; spared: number; arrive: () => void } | undefined;
  /** How many connections were cut. */
  cuts = 0;
  #tellOfCut: () => void = () => undefined;
  /** Settles at the first cut. */
  readonly firstCut = new Promise<void>((resolve) => {
    this.#tellOfCut = resolve;
  });

  /** The next `times` requests of this kind lose their answer. */
  loseAnswer(apiKey: number, times = 1): void {
    this.#pending.set(apiKey, (this.#pending.get(apiKey) ?? 0) + times);
  }

  /** From here on requests of this kind never reach the broker, after `spared` of them that do. */
  refuse(apiKey: number, spared = 0): void {
    this.#refused.set(apiKey, spared);
  }

  /**
   * The next request of this kind loses its connection and arrives all the same, ahead of a later request.
   * @param ahead the kind of that request, and how many of them come before it
   */
  delay(apiKey: number, ahead: { apiKey: number; spared: number }): void {
    this.#delay = { apiKey, ahead };
  }

  readonly socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = connectPlain({ host, port }, onConnect);
    const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
    socket.write = ((data: Buffer, ...rest: unknown[]) => {
      if (this.#refuses(data)) return this.#cut(socket);
      if (this.#delays(socket, data, write)) return true;
      const cut = this.#takes(data);
      // The answer never reaches kafkajs: nothing listens to the data that arrive from here on.
      if (cut) this.#deafen(socket);
      return write(data, ...rest);
    }) as Socket['write'];
    return socket;
  };

  #takes(frame: Buffer): boolean {
    if (frame.length < 6) return false;
    const apiKey = frame.readInt16BE(4);
    const left = this.#pending.get(apiKey) ?? 0;
    if (left > 0) this.#pending.set(apiKey, left - 1);
    return left > 0;
  }

  #refuses(frame: Buffer): boolean {
    if (frame.length < 6) return false;
    const apiKey = frame.readInt16BE(4);
    const spared = this.#refused.get(apiKey);
    if (spared === undefined) return false;
    this.#refused.set(apiKey, spared - 1);
    return spared <= 0;
  }

  #delays(socket: Socket, frame: Buffer, write: (frame: Buffer) => boolean): boolean {
    if (frame.length < 6) return false;
    const apiKey = frame.readInt16BE(4);
    if (this.#late?.apiKey === apiKey && this.#late.spared-- === 0) {
      this.#late.arrive();
      this.#late = undefined;
    }
    if (this.#delay?.apiKey !== apiKey) return false;
    this.#late = { ...this.#delay.ahead, arrive: () => write(frame) };
    this.#delay = undefined;
    this.#count();
    // For its user the connection is gone; in truth it stays.
    socket.removeAllListeners('data').resume();
    socket.end = () => socket;
    setImmediate(() => socket.emit('error', reset()));
    return true;
  }

  #count(): void {
    this.cuts += 1;
    this.#tellOfCut();
  }

  #cut(socket: Socket): false {
    this.#count();
    setImmediate(() => socket.destroy(reset()));
    return false;
  }

  #deafen(socket: Socket): void {
    this.#count();
    socket.removeAllListeners('data');
    socket.once('data', () => socket.destroy(reset()));
  }
}

function reset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}
