/**
 * Random runs of all who have to do with groups of upstreams: main that publishes configurations and gives back what they no
 * longer name, shards that ask, die and come again, and the thread that asks for them over streams. The classes are the
 * server's; snapshots, the network, the ring and the clock are the model's.
 *
 * Each name that is asked says which addresses may be asked for it, so an index that means another upstream than was thought shows
 * with the first query. A fault is thrown.
 */
import assert from 'node:assert/strict';
import { UpstreamCounts } from '../../../src/forward/counts/upstream-counts.ts';
import {
  createForwardBuffer,
  groupOfUpstream,
  UPSTREAM_CELLS,
  upstreamNumber,
} from '../../../src/forward/forward-buffer.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup, type UpstreamAddress } from '../../../src/forward/forward-group.ts';
import { ForwardGroupTable, type GroupLease } from '../../../src/forward/group-table.ts';
import { FakeForwarding, type SentQuery } from './fake-transport.ts';

const A = 1;
const NXDOMAIN = 3;
const SHARDS = 2;
const CARRIER = SHARDS;
const ADDRESSES = 12;
/** Longer than anything is in flight, ms. */
const QUIET_MS = 12_000;

/** One way to get the protocol wrong. */
export type Mutant =
  | 'readers are not waited for'
  | 'threads are not waited for'
  | 'shards are not waited for by who asks for them';

interface Registered {
  readonly address: string;
  readonly number: number;
}

interface Config {
  readonly lease: GroupLease;
  readonly groups: readonly { readonly number: number; readonly set: number }[];
}

/** A question of a client. */
interface Flight {
  readonly thread: ModelThread;
  readonly name: string;
  /** index into `sets` */
  readonly set: number;
  /** groups whose upstreams were asked */
  readonly asked: Set<number>;
  /** who asked for others when it began */
  readonly carrier: ModelThread;
}

/** On the ring, and then on a connection of the carrier. */
interface Frame {
  readonly thread: ModelThread;
  readonly name: string;
  /** of the upstream */
  readonly number: number;
  readonly index: number;
  upstream: number;
}

const registries = new WeakMap<object, Map<number, Registered>>();

/** Those that a thread knows; a thread learns before its own fields are there. */
function registryOf(thread: object): Map<number, Registered> {
  const known = registries.get(thread) ?? new Map<number, Registered>();
  registries.set(thread, known);
  return known;
}

class ModelThread extends FakeForwarding {
  world: GroupModel | undefined;
  snapshot: Config | undefined;
  #from = '';

  override addUpstream(upstream: number, address?: UpstreamAddress, _group?: ForwardGroup, number = 0): boolean {
    assert.ok(!registryOf(this).has(upstream), `upstream ${upstream} is added, and another has its index`);
    registryOf(this).set(upstream, { address: address!.address, number });
    return true;
  }

  override removeUpstream(upstream?: number): void {
    this.world?.noteRemoved(this, upstream!);
    registryOf(this).delete(upstream!);
  }

  override queueQuery(upstream: number, size: number, attempt: number): number {
    super.queueQuery(upstream, size, attempt);
    this.world!.noteSent(this, this.sent.at(-1)!, registryOf(this).get(upstream));
    return 1;
  }

  override queueStream(upstream: number, size: number, attempt: number, generation: number): boolean {
    super.queueStream(upstream, size, attempt, generation);
    this.world!.noteHanded(this, this.sent.length - 1, registryOf(this).get(upstream)!);
    return true;
  }

  override isReplyFrom(upstream: number): boolean {
    return registryOf(this).get(upstream)?.address === this.#from;
  }

  /** A reply to a datagram arrives, from where that was sent. */
  replyFrom(index: number, from: string, flags: number): void {
    this.#from = from;
    this.reply(index, flags);
  }
}

export class GroupModel {
  readonly table: ForwardGroupTable;
  readonly #buffer: SharedArrayBuffer = createForwardBuffer(SHARDS + 1);
  readonly #counts: UpstreamCounts;
  readonly #mutant: Mutant | undefined;
  #state: number;
  /** by thread: counts up when it lets go of a snapshot or takes another */
  readonly #turns = new Uint32Array(SHARDS);
  readonly #threads: ModelThread[] = [];
  /** addresses that may be asked, by number in names */
  readonly #sets: (readonly string[])[] = [];
  #published: Config | undefined;
  /** released later: their listeners are being closed */
  #leaving: Config[] = [];
  #lastName = 0;
  readonly #flights = new Map<string, Flight>();
  /** datagrams that may be answered */
  #datagrams: { readonly thread: ModelThread; readonly index: number; readonly address: string }[] = [];
  #ring: Frame[] = [];
  #carried: Frame[] = [];
  readonly #sentTo = new Map<string, number>();
  /** groups there were at most, and questions of clients */
  mostGroups = 0;
  asked = 0;

  constructor(seed: number, mutant?: Mutant) {
    this.#state = seed;
    this.#mutant = mutant;
    this.table = new ForwardGroupTable(this.#buffer);
    this.#counts = new UpstreamCounts(this.#buffer, this.table);
    const keepCounts = this.table.onFree;
    this.table.onFree = (group) => {
      this.#checkFree(group.number);
      keepCounts(group);
    };
    let seen = Uint32Array.from(this.#turns);
    this.table.grace = {
      begin: () => (seen = Uint32Array.from(this.#turns)),
      isOver: () =>
        mutant === 'readers are not waited for' ||
        this.#turns.every((turns, shard) => this.#threads[shard]!.snapshot === undefined || turns !== seen[shard]),
    };
    for (let thread = 0; thread <= CARRIER; thread++) this.#start(thread);
    this.#configure();
  }

  run(steps: number): void {
    const ways = [
      ...Array.from({ length: 6 }, () => () => this.#ask()),
      ...Array.from({ length: 5 }, () => () => this.#answer()),
      ...Array.from({ length: 3 }, () => () => this.#carry()),
      ...Array.from({ length: 3 }, () => () => this.#answerCarried()),
      ...Array.from({ length: 3 }, () => () => this.#pass(10 + this.#random(20) * 10)),
      () => this.#pass(1000 + this.#random(4) * 500),
      ...Array.from({ length: 3 }, () => () => this.#configure()),
      ...Array.from({ length: 4 }, () => () => this.table.giveBack()),
      () => this.#leaving.shift()?.lease.release(),
      () => this.#leave(this.#random(SHARDS)),
      ...(this.#random(2) === 0 ? [] : [() => this.#die()]),
    ];
    for (let step = 0; step < steps; step++) {
      ways[this.#random(ways.length)]!();
      this.mostGroups = Math.max(this.mostGroups, this.table.groups.length);
    }
  }

  /** Everybody has had time: nothing is left but what is published, and all is counted where it belongs. */
  finish(): void {
    for (const { lease } of this.#leaving) lease.release();
    this.#leaving = [];
    for (let shard = 0; shard < SHARDS; shard++) this.#leave(shard);
    for (let passedMs = 0; passedMs < QUIET_MS; passedMs += 500) {
      this.#pass(500);
      this.table.giveBack();
    }
    assert.equal(this.#flights.size, 0, 'a client has no answer');
    const held = this.#published!.lease.numbers.length;
    assert.deepEqual([this.table.groups.length, this.table.leavingCount], [held, 0], 'groups are left');
    const upstreams = Array.from({ length: ADDRESSES }, (_, index) => addressOf(index));
    this.table.hold({ ...DEFAULT_FORWARD_GROUP, upstreams, policy: 'sequential' });
    for (const counted of this.#counts.upstreams()) {
      const sent = this.#sentTo.get(counted.to.split(':')[0]!) ?? 0;
      assert.equal(this.#counts.sum(counted, UPSTREAM_CELLS.at.datagrams), sent, `datagrams to ${counted.to}`);
    }
  }

  #start(index: number): void {
    const asksForOthers = index === CARRIER && this.#mutant !== 'shards are not waited for by who asks for them';
    const thread = new ModelThread([], { buffer: this.#buffer, shard: index, asksForOthers });
    thread.world = this;
    this.#threads[index] = thread;
  }

  #configure(): void {
    const lease = this.table.lease();
    const groups: { number: number; set: number }[] = [];
    let next = { number: -1, set: -1 };
    for (let count = 1 + this.#random(3); count > 0; count--) {
      const indexes = Array.from({ length: ADDRESSES }, (_, index) => index).filter(() => this.#random(4) === 0);
      const isNextAsked = next.number >= 0 && this.#random(2) === 0;
      const group: ForwardGroup = {
        ...DEFAULT_FORWARD_GROUP,
        upstreams: (indexes.length === 0 ? [this.#random(ADDRESSES)] : indexes).map(addressOf),
        policy: this.#random(2) === 0 ? 'random' : 'round_robin',
        forcesTcp: this.#random(3) === 0,
        loopZone: this.#random(3) === 0 ? '.' : '',
        ...(isNextAsked && { nextGroup: next.number, nextRcodes: [NXDOMAIN] }),
      };
      const addresses = group.upstreams.map(({ address }) => address);
      const set = this.#sets.push(isNextAsked ? [...addresses, ...this.#sets[next.set]!] : addresses) - 1;
      next = { number: lease.numberOf(group), set };
      groups.push(next);
    }
    // One in eight is refused in the end.
    if (this.#published !== undefined && this.#random(8) === 0) {
      lease.release();
      return;
    }
    const before = this.#published;
    this.#published = { lease, groups };
    if (before === undefined) return;
    if (this.#random(3) === 0) this.#leaving.push(before);
    else before.lease.release();
  }

  /** A client asks; the thread may have entered a while ago, and stays. */
  #ask(): void {
    const shard = this.#random(SHARDS);
    const thread = this.#threads[shard]!;
    if (thread.snapshot === undefined || this.#random(2) === 0) {
      this.#turns[shard]!++;
      thread.snapshot = this.#published;
    }
    const { groups } = thread.snapshot!;
    const { number, set } = groups[this.#random(groups.length)]!;
    const name = `s${set}n${++this.#lastName}.test`;
    this.#flights.set(name, { thread, name, set, asked: new Set(), carrier: this.#threads[CARRIER]! });
    this.asked++;
    assert.equal(thread.ask({ name, type: A, id: this.#lastName & 0xffff }, number), true, `${name} is not asked`);
    this.#collect();
  }

  #leave(shard: number): void {
    this.#turns[shard]!++;
    this.#threads[shard]!.snapshot = undefined;
  }

  /** A reply arrives, or is lost. */
  #answer(): void {
    const [datagram] = this.#datagrams.splice(this.#random(this.#datagrams.length), 1);
    if (datagram === undefined || this.#random(5) === 0) return;
    const { thread, index, address } = datagram;
    if (this.#threads.includes(thread)) thread.replyFrom(index, address, this.#flags());
    this.#collect();
  }

  #flags(): number {
    return 0x8180 | [0, 0, 0, 2, NXDOMAIN][this.#random(5)]!;
  }

  /** The carrier takes a frame from the ring. */
  #carry(): void {
    const frame = this.#ring.shift();
    if (frame === undefined) return;
    const carrier = this.#threads[CARRIER]!;
    const flight = this.#flights.get(frame.name);
    frame.upstream = carrier.forwarder.upstreamOfNumber(frame.number);
    const found = registryOf(carrier).get(frame.upstream);
    if (flight === undefined || flight.thread !== frame.thread) {
      // Nobody waits for it. It may be asked where it was to be, and nowhere else.
      if (frame.upstream >= 0) assert.equal(found?.number, frame.number);
    } else {
      // What is handed over is lost with the thread that asks for others; its successor does not learn what is closed by then.
      if (found === undefined && flight.carrier !== carrier) this.#assertClosed(frame.number);
      else assert.ok(found !== undefined, `${frame.name} waits, and its upstream is gone`);
      if (found !== undefined)
        assert.ok(this.#sets[flight.set]!.includes(found.address), `${frame.name} is carried to ${found.address}`);
    }
    if (frame.upstream >= 0) this.#carried.push(frame);
    else this.#fail(frame);
  }

  #assertClosed(upstream: number): void {
    const group = groupOfUpstream(upstream);
    assert.ok(!this.table.openGroups.some(({ number }) => number === group), 'a group that is open is not known');
  }

  #answerCarried(): void {
    const [frame] = this.#carried.splice(this.#random(this.#carried.length), 1);
    if (frame === undefined) return;
    if (this.#random(5) === 0) this.#fail(frame);
    else if (this.#threads.includes(frame.thread)) frame.thread.replyOverStream(frame.index, this.#flags());
    this.#collect();
  }

  #fail({ thread, index }: Frame): void {
    const { attempt, generation } = thread.sent[index]!;
    if (this.#threads.includes(thread)) thread.forwarder.failStream(attempt, generation, false);
  }

  #pass(durationMs: number): void {
    for (const thread of this.#threads) thread.pass(durationMs);
    this.#collect();
  }

  /** A thread ends, with all that it has in flight; its successor has its place. */
  #die(): void {
    const index = this.#random(SHARDS + 1);
    const dead = this.#threads[index]!;
    for (const [name, { thread }] of this.#flights) if (thread === dead) this.#flights.delete(name);
    if (index < SHARDS) this.#leave(index);
    else for (const frame of this.#carried.splice(0)) this.#fail(frame);
    this.#start(index);
  }

  /** Clients that have their answers. */
  #collect(): void {
    for (const thread of this.#threads) {
      for (const { questions } of thread.responses.splice(0)) this.#flights.delete(questions[0]!.name.join('.'));
    }
  }

  noteSent(thread: ModelThread, sent: SentQuery, registered: Registered | undefined): void {
    const index = thread.sent.indexOf(sent);
    assert.ok(registered !== undefined, 'an upstream is asked that is gone');
    this.#sentTo.set(registered.address, (this.#sentTo.get(registered.address) ?? 0) + 1);
    this.#datagrams.push({ thread, index, address: registered.address });
    this.#noteAsked(sent, registered);
  }

  noteHanded(thread: ModelThread, index: number, registered: Registered): void {
    const sent = thread.sent[index]!;
    this.#noteAsked(sent, registered);
    this.#ring.push({ thread, name: nameOf(sent), number: registered.number, index, upstream: -1 });
  }

  #noteAsked(sent: SentQuery, { address, number }: Registered): void {
    const flight = this.#flights.get(nameOf(sent));
    if (flight === undefined) return;
    assert.ok(this.#sets[flight.set]!.includes(address), `${flight.name} is asked of ${address}`);
    flight.asked.add(groupOfUpstream(number));
  }

  /** A thread lets go of an upstream. */
  noteRemoved(thread: ModelThread, upstream: number): void {
    if (thread !== this.#threads[CARRIER]) return;
    this.#collect();
    for (const frame of this.#carried) {
      if (frame.upstream !== upstream) continue;
      const flight = this.#flights.get(frame.name);
      assert.ok(flight?.thread !== frame.thread, `${frame.name} waits, and its connection is closed`);
    }
    for (const frame of this.#carried.filter((other) => other.upstream === upstream)) this.#fail(frame);
    this.#carried = this.#carried.filter((other) => other.upstream !== upstream);
  }

  /** The index of a group is about to be free. */
  #checkFree(number: number): void {
    for (const { snapshot } of this.#threads) {
      assert.ok(!snapshot?.groups.some((group) => group.number === number), 'a reader has a snapshot that names it');
    }
    for (const { name, asked } of this.#flights.values()) {
      assert.ok(!asked.has(groupOfUpstream(upstreamNumber(number, 0))), `a client waits for ${name}`);
    }
    for (const thread of this.#threads) {
      for (const { number: known } of registryOf(thread).values()) {
        assert.notEqual(groupOfUpstream(known), number, 'a thread knows it');
      }
    }
  }

  #random(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

function addressOf(index: number): UpstreamAddress {
  return { address: `192.0.2.${index + 1}`, port: 53 };
}

function nameOf({ message }: SentQuery): string {
  return message.questions[0]!.name.join('.');
}
