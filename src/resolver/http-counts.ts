/** HTTP responses by server and status, until someone takes them. */
import type { HttpCount } from './resolver-options.ts';

export class HttpCounts {
  readonly #counts = new Map<string, Map<number, number>>();

  count(server: string, status: number): void {
    let statuses = this.#counts.get(server);
    if (statuses === undefined) this.#counts.set(server, (statuses = new Map()));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }

  /** What was counted since the last time. */
  take(): readonly HttpCount[] {
    if (this.#counts.size === 0) return [];
    const counts = [...this.#counts].flatMap(([server, statuses]) =>
      [...statuses].map(([status, count]) => ({ server, status, count })),
    );
    this.#counts.clear();
    return counts;
  }
}
