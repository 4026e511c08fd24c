/** How the API servers of the benchmarks answer: as fast as their client reads. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Resolves when more can be written. @throws AbortError the client went away */
export async function send(response: ServerResponse, octets: string | Buffer): Promise<void> {
  if (response.write(octets)) return;
  const aborted = new AbortController();
  const onClose = (): void => aborted.abort();
  response.once('close', onClose);
  try {
    await once(response, 'drain', { signal: aborted.signal });
  } finally {
    response.removeListener('close', onClose);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
