/**
 * Wait for a thread that a server can do without for a while, and say again and again that it is late: on a machine that has no
 * time to spare, to end what answers already would help nobody.
 *
 * @param everyMs  how often
 * @returns what `ready` resolves with
 * @throws what `ready` rejects with
 */
export async function waitForLateStart<Value>(ready: Promise<Value>, everyMs: number, say: () => void): Promise<Value> {
  const timer = setInterval(say, everyMs);
  try {
    return await ready;
  } finally {
    clearInterval(timer);
  }
}
