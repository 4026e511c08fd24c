/** A shard's work for tests: sends each query back with QR set; the first octet behind the header can ask for trouble. */
import type { ShardWork, ShardWorkOptions } from '../../../src/shard/shard-options.ts';

/** What a test asks for with octet 12 of its query. */
export const ECHO = { PLAIN: 0, THROW: 1, DROP: 2, HANG: 3, LARGE: 4, HANG_ONCE: 5, LISTENER: 6, REFUSE: 7 } as const;

/** Words of the shared memory a test may pass as work data. */
export const ECHO_WORD = { ENTERED: 0, LEFT: 1, DROPS: 2, PUBLISHED: 10, DURATIONS: 11, HANGS: 12, PEER: 16 } as const;

export function createShardWork(options: ShardWorkOptions): ShardWork {
  const octets = new Uint8Array(options.arena);
  const words =
    options.data instanceof SharedArrayBuffer ? new Int32Array(options.data) : new Int32Array(new ArrayBuffer(256));
  const answer = (listener: number, at: number, size: number, peerAt: number, peerSize: number): number => {
    octets[at + 2] = octets[at + 2]! | 0x80;
    for (let i = 0; i < peerSize; i++) words[ECHO_WORD.PEER + 1 + i] = octets[peerAt + i]!;
    words[ECHO_WORD.PEER] = peerSize;
    switch (octets[at + 12]) {
      case ECHO.THROW:
        throw new Error('asked to throw');
      case ECHO.DROP:
        return 0;
      case ECHO.LARGE:
        return options.messageCapacity;
      case ECHO.LISTENER:
        octets[at + 13] = listener;
        octets[at + 14] = options.shard;
        return size;
      case ECHO.REFUSE:
        // The peer's port lies before its IPv4 address; the kernel sends nothing to port 0.
        octets[peerAt - 2] = 0;
        octets[peerAt - 1] = 0;
        return size;
      case ECHO.HANG:
        hang(words);
        return size;
      case ECHO.HANG_ONCE:
        if (Atomics.load(words, ECHO_WORD.HANGS) === 0) hang(words);
        return size;
      default:
        return size;
    }
  };
  const count = (word: number, by = 1): void => void Atomics.add(words, word, by);
  return {
    answerer: {
      scope: 1,
      client: { proxyVector: undefined },
      enterBatch: () => count(ECHO_WORD.ENTERED),
      leaveBatch: () => count(ECHO_WORD.LEFT),
      answer,
    },
    counters: {
      countRequest: () => undefined,
      countResponse: () => undefined,
      countDuration: (_scope, queries) => count(ECHO_WORD.DURATIONS, queries),
      countDrop: (reason) => count(ECHO_WORD.DROPS + reason),
      countLocalhost: () => undefined,
      countAcl: () => undefined,
      countComposed: () => undefined,
      countTemplate: () => undefined,
      countTemplateText: () => undefined,
      publish: () => count(ECHO_WORD.PUBLISHED),
    },
  };
}

function hang(words: Int32Array): void {
  Atomics.add(words, ECHO_WORD.HANGS, 1);
  for (;;) Atomics.load(words, ECHO_WORD.HANGS);
}
