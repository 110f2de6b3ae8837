import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server. */
export interface Connections {
  /** An answer is being made for it: it does not end to make room. */
  busy(socket: Socket): void;
  /** Its client is waited for: to ask, to send its body, or to take its answer. */
  waiting(socket: Socket): void;
}

/**
 * Bounds the connections of a server: one more than `most` ends the one whose client is waited for the longest. To refuse
 * the newcomer would let a few slow clients keep the probes out.
 */
export function boundConnections(server: Server, most: number): Connections {
  const waiting = new Set<Socket>();
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    waiting.add(socket);
    // Errors of a client's connection are the client's.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open.delete(socket);
      waiting.delete(socket);
    });
    if (open.size > most) (waiting.values().next().value ?? socket).destroy();
  });
  return {
    busy: (socket) => void waiting.delete(socket),
    waiting(socket) {
      if (!open.has(socket)) return;
      waiting.delete(socket);
      waiting.add(socket);
    },
  };
}
