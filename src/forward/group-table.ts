/**
 * Main's side of the groups of upstreams: who holds them, and how an index is taken back and used again.
 *
 *   held ──its last lease is released──► left ──no reader has a snapshot that names it──► closed ──no thread knows it──► free
 *     ▲                                   │
 *     └──────────wanted again─────────────┘
 *
 * A *lease* has the groups of one configuration, from the time it is compiled until what is published names them no more.
 *
 * 1. A group is written before it is open, and open before a route that names it is published.
 * 2. The last lease is released after the publication that does without the group. Threads may still hold a snapshot that names
 *    it, so each reader slot has to be idle or to enter anew (GracePeriod). From then on nobody comes to the group through a route,
 *    and only who has it comes to it at all: a group that is asked next is held by the group before it until that is free.
 * 3. It is closed: `uses` becomes even, `changes` another, and threads that sleep on it wake up.
 * 4. A thread that knows the group (GROUP_CELLS.known) goes on until no client waits for what one of its upstreams was asked, 4.5 s later at
 *    the latest. Then it ends probes, searches and what is for the cache alone, closes connections, forgets all of it, and says so
 *    with 0 (known-groups.ts). The thread that asks for others waits until these have said so: what they handed over is theirs.
 * 5. When no thread knows it, what its upstreams were counted is added up for the last time, the cells are cleared, and the indexes are free.
 *
 * A configuration that finds no room for its groups keeps those it got and is compiled again when others are free; it is refused
 * when none are coming.
 *
 * Who learns a group stores `known` and then looks at `uses` again; main stores `uses` and then looks at `known`: one of the two
 * sees the other (sequentially consistent atomics), so nothing is learned of a group that is taken back. What a thread that died
 * has known its successor clears before it learns anything: until then the group stays closed.
 *
 * The second net is the group's number, which no other use of the index has for 500,000 uses: routes, frames for the resolver and
 * names that look for loops say it, and a thread that knows another number, or finds the group closed, takes it for a group that is gone.
 * The answer cache does not know groups: its keys are those of server blocks, and their answers stay when upstreams change.
 */
import { assert } from '../base/assert.ts';
import { SkyshardError } from '../base/skyshard-error.ts';
import {
  FORWARD_HEADER,
  GROUP_CELLS,
  groupCellsAt,
  groupIndexOf,
  groupNumber,
  PLACES,
  TEXT_SIZE,
  TEXTS_AT,
  UPSTREAM_CELLS,
  upstreamCellsAt,
} from './forward-buffer.ts';
import {
  type ForwardGroup,
  GROUPS_MAX,
  PLANNED_GROUPS_MAX,
  PLANNED_UPSTREAMS_MAX,
  UPSTREAMS_TOTAL_MAX,
} from './forward-group.ts';

const AT = FORWARD_HEADER.at;
/** How often it is looked what can be taken back, while there is something. */
const GIVE_BACK_INTERVAL_MS = 250;

/** A group that has an index. */
export interface PlacedGroup {
  readonly group: ForwardGroup;
  /** names it in routes */
  readonly number: number;
  /** indexes of its upstreams */
  readonly members: readonly number[];
}

/** Tells when nobody has a snapshot any more that was replaced before `begin` (memory/grace-period.ts). */
export interface SnapshotGrace {
  begin(): void;
  isOver(): boolean;
}

interface Entry extends PlacedGroup {
  readonly index: number;
  readonly use: number;
  readonly text: string;
  readonly textAt: number;
  readonly textSize: number;
  /** the group that is asked next, which this one holds */
  readonly next: Entry | undefined;
  /** leases, and groups before it */
  holders: number;
}

/** What one configuration names. */
export class GroupLease {
  readonly #table: ForwardGroupTable;
  readonly #numbers = new Set<number>();
  #upstreamCount = 0;
  #isRoomMissing = false;
  #isKept = false;

  constructor(table: ForwardGroupTable) {
    this.#table = table;
  }

  /** Numbers of the groups. */
  get numbers(): readonly number[] {
    return [...this.#numbers];
  }

  /** Whether there was no room for a group: `room` tells when there is. */
  get isRoomMissing(): boolean {
    return this.#isRoomMissing;
  }

  /**
   * The number by which routes name a group; threads know it before they can read that.
   *
   * @throws SkyshardError CONFIG_ARGUMENT if the configuration has more groups than one can, or there is no room now
   */
  numberOf(group: ForwardGroup): number {
    const known = this.#table.find(group);
    if (known !== undefined && this.#numbers.has(known)) return known;
    this.#upstreamCount += group.upstreams.length;
    if (this.#numbers.size === PLANNED_GROUPS_MAX || this.#upstreamCount > PLANNED_UPSTREAMS_MAX) {
      const limits = `${PLANNED_GROUPS_MAX} groups of upstreams and ${PLANNED_UPSTREAMS_MAX} upstreams`;
      throw new SkyshardError('CONFIG_ARGUMENT', `plugin/forward: a configuration can have ${limits}`);
    }
    this.#isRoomMissing = true;
    const number = this.#table.hold(group);
    this.#isRoomMissing = false;
    this.#numbers.add(number);
    return number;
  }

  /** After the publication that does without them. */
  release(): void {
    const numbers = this.numbers;
    this.#numbers.clear();
    this.#table.endLease(numbers, this.#isKept);
  }

  /** That publication failed: until there is another, nobody waits for what this one has. */
  keep(): void {
    if (this.#isKept) return;
    this.#isKept = true;
    this.#table.keepLease();
  }
}

export class ForwardGroupTable {
  /** Without it nobody has a snapshot. */
  grace: SnapshotGrace = { begin: () => undefined, isOver: () => true };
  /** Told before the cells of a group's upstreams are cleared. */
  onFree: (group: PlacedGroup) => void = () => undefined;
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #shardMax: number;
  /** by index */
  readonly #entries: (Entry | undefined)[] = Array.from({ length: GROUPS_MAX });
  readonly #isTaken = new Uint8Array(UPSTREAMS_TOTAL_MAX);
  /** those that are open, by text */
  readonly #open = new Map<string, Entry>();
  /** nobody holds them: a configuration that was compiled meanwhile may still want them */
  readonly #left = new Set<Entry>();
  #inGrace = new Set<Entry>();
  readonly #closed = new Set<Entry>();
  #leaseCount = 0;
  /** of them: those of which nobody knows when they are released */
  #keptCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #waiters: ((isRoom: boolean) => void)[] = [];
  #isClosed = false;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#octets = new Uint8Array(buffer, TEXTS_AT, TEXT_SIZE);
    this.#shardMax = this.#words[AT.shardMax]!;
  }

  /** All that have an index, by index. */
  get groups(): readonly PlacedGroup[] {
    return this.#entries.filter((entry) => entry !== undefined);
  }

  /** How many of them are being given up. */
  get leavingCount(): number {
    return this.#left.size + this.#inGrace.size + this.#closed.size;
  }

  /** Those that are not closed yet. */
  get openGroups(): readonly PlacedGroup[] {
    return [...this.#open.values()];
  }

  /** For a configuration that is about to be compiled. */
  lease(): GroupLease {
    this.#leaseCount++;
    return new GroupLease(this);
  }

  /** Number of an equal group that is open. */
  find(group: ForwardGroup): number | undefined {
    return this.#open.get(JSON.stringify(group))?.number;
  }

  /**
   * One more holds a group; whoever ends no lease holds it for good.
   *
   * @throws SkyshardError CONFIG_ARGUMENT if there is no room
   */
  hold(group: ForwardGroup): number {
    const text = JSON.stringify(group);
    const entry = this.#open.get(text) ?? this.#add(group, text);
    this.#holdEntry(entry);
    return entry.number;
  }

  #holdEntry(entry: Entry): void {
    entry.holders++;
    this.#left.delete(entry);
    this.#inGrace.delete(entry);
  }

  endLease(numbers: readonly number[], isKept: boolean): void {
    this.#leaseCount--;
    if (isKept) this.#keptCount--;
    for (const number of numbers) {
      const entry = this.#entries[groupIndexOf(number)];
      assert(entry?.number === number, 'a group is released that is free');
      this.#release(entry);
    }
    this.#plan();
    this.#endVainWaits();
  }

  keepLease(): void {
    this.#keptCount++;
    this.#endVainWaits();
  }

  /** What was waited for gave nothing back. */
  #endVainWaits(): void {
    if (!this.#isComing) this.#answerWaiters(false);
  }

  get #isComing(): boolean {
    // Beside what is served, and what waits, there is a configuration whose listeners are being closed.
    return this.leavingCount > 0 || this.#leaseCount - this.#keptCount > 2;
  }

  #release(entry: Entry): void {
    assert(entry.holders > 0, 'a group is released that nobody holds');
    if (--entry.holders === 0) this.#left.add(entry);
  }

  /**
   * For who has a lease that found no room, and keeps it: what it got does not count as what is coming.
   *
   * @returns a promise of true when something was given back since, of false if nothing will be
   */
  room(): Promise<boolean> {
    if (!this.#isComing || this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#answerWaiters(false);
  }

  /** Take back what can be. */
  giveBack(): void {
    if (this.#inGrace.size === 0 && this.#left.size > 0) {
      this.#inGrace = new Set(this.#left);
      this.#left.clear();
      this.grace.begin();
    }
    if (this.#inGrace.size > 0 && this.grace.isOver()) {
      for (const entry of this.#inGrace) this.#close(entry);
      this.#inGrace.clear();
      this.#tell();
    }
    for (const entry of this.#closed) if (!this.#isKnown(entry)) this.#free(entry);
    this.#plan();
  }

  #plan(): void {
    if (this.leavingCount === 0 || this.#timer !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.giveBack();
    }, GIVE_BACK_INTERVAL_MS).unref();
  }

  #close(entry: Entry): void {
    this.#open.delete(entry.text);
    this.#closed.add(entry);
    Atomics.store(this.#words, AT.uses + entry.index, entry.use + 1);
  }

  /** Something was opened or closed. */
  #tell(): void {
    Atomics.add(this.#words, AT.changes, 1);
    Atomics.notify(this.#words, AT.changes);
  }

  #isKnown({ index, use }: Entry): boolean {
    for (let thread = 0; thread < this.#shardMax; thread++) {
      if (Atomics.load(this.#words, groupCellsAt(thread, index) + GROUP_CELLS.at.known) === use) return true;
    }
    return false;
  }

  #free(entry: Entry): void {
    this.onFree(entry);
    this.#closed.delete(entry);
    this.#entries[entry.index] = undefined;
    for (const upstream of entry.members) {
      this.#isTaken[upstream] = 0;
      for (let thread = 0; thread < this.#shardMax; thread++) {
        const at = upstreamCellsAt(thread, upstream);
        for (let cell = 0; cell < UPSTREAM_CELLS.words; cell++) {
          // Memory that was never used is not touched.
          if (Atomics.load(this.#words, at + cell) !== 0) Atomics.store(this.#words, at + cell, 0);
        }
      }
      Atomics.store(this.#words, AT.sightings + upstream, 0);
      if (Atomics.exchange(this.#words, AT.loops + upstream, 0) === 1) Atomics.add(this.#words, AT.loopChanges, 1);
    }
    Atomics.store(this.#words, AT.recoveries + entry.index, 0);
    Atomics.store(this.#words, AT.turns + entry.index, 0);
    if (entry.next !== undefined) this.#release(entry.next);
    this.#answerWaiters(true);
  }

  #answerWaiters(isRoom: boolean): void {
    for (const resolve of this.#waiters.splice(0)) resolve(isRoom);
  }

  #add(group: ForwardGroup, text: string): Entry {
    const octets = new TextEncoder().encode(text);
    const index = this.#entries.indexOf(undefined);
    const members = this.#freeUpstreams(group.upstreams.length);
    const textAt = this.#placeOfText(octets.length);
    if (index < 0 || members === undefined || textAt < 0) {
      throw new SkyshardError('CONFIG_ARGUMENT', 'plugin/forward: there is no room for as many groups of upstreams');
    }
    const use = Atomics.load(this.#words, AT.uses + index) + 1;
    const number = groupNumber(index, use);
    const next = group.nextGroup < 0 ? undefined : this.#entries[groupIndexOf(group.nextGroup)];
    const entry = { group, number, members, index, use, text, textAt, textSize: octets.length, next, holders: 0 };
    this.#octets.set(octets, textAt);
    Atomics.store(this.#words, AT.textAt + index, textAt);
    Atomics.store(this.#words, AT.textSize + index, octets.length);
    for (const [place, upstream] of members.entries()) {
      Atomics.store(this.#words, AT.members + index * PLACES + place, upstream);
      this.#isTaken[upstream] = 1;
    }
    if (next !== undefined) this.#holdEntry(next);
    this.#entries[index] = entry;
    this.#open.set(text, entry);
    Atomics.store(this.#words, AT.uses + index, use);
    this.#tell();
    return entry;
  }

  #freeUpstreams(count: number): readonly number[] | undefined {
    const free: number[] = [];
    for (let upstream = 0; free.length < count; upstream++) {
      if (upstream === UPSTREAMS_TOTAL_MAX) return undefined;
      if (this.#isTaken[upstream] === 0) free.push(upstream);
    }
    return free;
  }

  /** Where so many octets are free among the texts, -1: nowhere */
  #placeOfText(size: number): number {
    let at = 0;
    const entries = this.#entries.filter((entry) => entry !== undefined).sort((a, b) => a.textAt - b.textAt);
    for (const { textAt, textSize } of entries) {
      if (textAt - at >= size) return at;
      at = textAt + textSize;
    }
    return at + size <= TEXT_SIZE ? at : -1;
  }
}
