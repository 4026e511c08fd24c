import type { ChunkSource } from './direct-request.ts';

/**
 * The octets of an answer as they come. While what came is worked on, nothing more is read, so that a slow reader slows the
 * server down instead of filling memory; that time is not counted as silence.
 *
 * @param silenceMs  how long may pass without an octet, as things stand
 * @param onSilence  the error to end with then
 * @throws what ended the connection
 */
export async function* readChunks(
  body: ChunkSource,
  silenceMs: () => number,
  onSilence: () => Error,
): AsyncGenerator<Buffer, void, void> {
  let isWaiting = true;
  const endIfWaiting = (): void => {
    if (isWaiting) body.destroy(onSilence());
  };
  let limitMs = silenceMs();
  let timer = setTimeout(endIfWaiting, limitMs);
  try {
    for await (const chunk of body) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      if (limitMs === silenceMs()) {
        timer.refresh();
      } else {
        clearTimeout(timer);
        limitMs = silenceMs();
        timer = setTimeout(endIfWaiting, limitMs);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
