/**
 * What a message from upstream is worth: whether it is the reply to something that was asked, and whether it ends the wait or
 * someone has to be asked again.
 */
import { EDE, RCODE } from '../dns/iana.ts';
import { HEADER_SIZE, TC } from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import type { Attempts, FlightParts } from './attempts.ts';
import type { FlightEnds } from './flight-ends.ts';
import { FORWARD_CELLS, type ForwardCounters } from './counts/forward-counters.ts';
import { groupIndexOf } from './forward-buffer.ts';
import { ATTEMPTS_MAX } from './forward-group.ts';
import { type ForwardTransport, STREAM_SOCKET } from './forward-transport.ts';
import type { KnownGroups } from './known-groups.ts';
import type { QuestionMatch } from './question-match.ts';
import type { Reply } from './reply.ts';
import { ASKED, type TransactionTable } from './transaction-table.ts';
import type { TruncatedReplies } from './truncated-replies.ts';
import type { UnaskedQuestions } from './unasked-questions.ts';
import type { UpstreamStates } from './upstream-states.ts';

/** What becomes of a question whose reply is in. */
export interface FlightWays {
  readonly attempts: Attempts;
  readonly ends: FlightEnds;
  readonly unasked: UnaskedQuestions;
}

export class ReplyAcceptance {
  transport: ForwardTransport | undefined;

  readonly #attempts: Attempts;
  readonly #ends: FlightEnds;
  readonly #unasked: UnaskedQuestions;
  readonly #table: TransactionTable;
  readonly #states: UpstreamStates;
  readonly #groups: KnownGroups;
  readonly #counters: ForwardCounters;
  readonly #questions: QuestionMatch;
  readonly #reply: Reply;
  readonly #truncated: TruncatedReplies;
  readonly #view: DataView;

  constructor(parts: FlightParts, ways: FlightWays, reply: Reply, truncated: TruncatedReplies) {
    this.#attempts = ways.attempts;
    this.#ends = ways.ends;
    this.#unasked = ways.unasked;
    this.#table = parts.table;
    this.#states = parts.states;
    this.#groups = parts.groups;
    this.#counters = parts.counters;
    this.#questions = parts.questions;
    this.#reply = reply;
    this.#truncated = truncated;
    this.#view = new DataView(parts.arena);
  }

  /** A datagram came; the transport knows where from. */
  receive(at: number, size: number): void {
    const attempt = this.#match(at, size);
    if (attempt < 0) {
      this.#counters.count(FORWARD_CELLS.at.mismatched);
      return;
    }
    this.#take(attempt, at, size);
  }

  /** The reply to a query that went over a stream. */
  receiveStream(attempt: number, generation: number, at: number, size: number): void {
    if (
      !this.#attempts.isOpenStream(attempt, generation) ||
      !this.#questions.isResponse(at, size) ||
      !this.#questions.isReplyTo(attempt, at, size)
    ) {
      this.#counters.count(FORWARD_CELLS.at.mismatched);
      return;
    }
    this.#take(attempt, at, size);
  }

  /** The attempt that a datagram in hand is the reply to, -1: none. */
  #match(at: number, size: number): number {
    if (!this.#questions.isResponse(at, size)) return -1;
    const table = this.#table;
    const attempt = table.attemptOf(this.#view.getUint16(at));
    if (attempt < 0) return -1;
    const transport = this.transport!;
    if (table.attemptSocket[attempt] !== transport.replySocket) return -1;
    if (!transport.isReplyFrom(table.attemptUpstream[attempt]!)) return -1;
    if (!this.#attempts.isOpen(attempt)) return -1;
    return this.#questions.isReplyTo(attempt, at, size) ? attempt : -1;
  }

  #take(attempt: number, at: number, size: number): void {
    const slot = (attempt / ATTEMPTS_MAX) | 0;
    const questionEnd = at + HEADER_SIZE + this.#table.nameSize[slot]! + 4;
    if (size === HEADER_SIZE ? !this.#questions.isEdnsRefused(at, slot) : !this.#reply.parse(at, size, questionEnd)) {
      this.#counters.count(FORWARD_CELLS.at.malformed);
      return;
    }
    this.#accept(slot, attempt, size === HEADER_SIZE);
  }

  #accept(slot: number, attempt: number, isHeaderOnly: boolean): void {
    const table = this.#table;
    const reply = this.#reply;
    const upstream = table.attemptUpstream[attempt]!;
    const tookMs = this.#attempts.nowMs - table.attemptMs[attempt]!;
    this.#attempts.close(slot, attempt);
    this.#states.noteResponse(upstream, tookMs);
    if ((table.flags[slot]! & ASKED.UNASKED) !== 0) {
      this.#unasked.release(slot);
      return;
    }
    const rcode = isHeaderOnly ? RCODE.FORMERR : reply.rcode;
    this.#counters.countResponse(upstream, rcode, tookMs);
    if ((table.flags[slot]! & ASKED.LATE) !== 0) {
      if (isHeaderOnly) this.#ends.releaseLate(slot);
      else this.#ends.keepLate(slot);
      return;
    }
    if (table.asked[slot]! > 1) this.#attempts.noteLost(attempt);
    if (isHeaderOnly || this.#isEdnsFault(slot)) {
      table.flags[slot]! |= ASKED.PLAIN;
      if (this.#attempts.ask(slot, upstream)) return;
    }
    if (isHeaderOnly) {
      this.#ends.fail(slot, EDE.OTHER, QUERY_ERROR.UPSTREAM_MALFORMED);
      return;
    }
    if (rcode !== RCODE.NOERROR && this.#askElsewhere(slot, rcode)) return;
    if (this.#isForNextGroup(slot, rcode) && this.#askNextGroup(slot)) return;
    if ((reply.flagsHigh & TC) !== 0) {
      this.#counters.count(FORWARD_CELLS.at.truncated);
      if (table.attemptSocket[attempt] !== STREAM_SOCKET && this.#askForWhole(slot, upstream)) return;
    }
    this.#ends.respond(slot);
  }

  /** A datagram was too small: ask its sender over a stream. @returns false if that can't be */
  #askForWhole(slot: number, upstream: number): boolean {
    const table = this.#table;
    // Another upstream has been asked already.
    if ((table.flags[slot]! & ASKED.WHOLE) !== 0) return true;
    table.flags[slot]! |= ASKED.WHOLE;
    this.#truncated.keep(slot, this.#reply.at, this.#reply.end - this.#reply.at);
    return this.#attempts.ask(slot, upstream);
  }

  /** FORMERR or NOTIMP without OPT: a server older than EDNS. */
  #isEdnsFault(slot: number): boolean {
    const reply = this.#reply;
    if (reply.hasOpt || (this.#table.flags[slot]! & ASKED.PLAIN) !== 0) return false;
    return reply.rcode === RCODE.FORMERR || reply.rcode === RCODE.NOTIMP;
  }

  /** Another upstream of the group: once for SERVFAIL and REFUSED, for the rcodes of `failover` while there is one. */
  #askElsewhere(slot: number, rcode: number): boolean {
    const table = this.#table;
    const group = table.group[slot]!;
    const tried = table.tried[slot]!;
    const isFailover = rcode < 32 && (this.#groups.failoverRcodes[group]! & (1 << rcode)) !== 0;
    if (!isFailover) {
      if (rcode !== RCODE.SERVFAIL && rcode !== RCODE.REFUSED) return false;
      if ((table.flags[slot]! & ASKED.RETRIED) !== 0 || this.#attempts.hasAskedAll(slot)) return false;
      if (this.#attempts.hasOpen(slot)) {
        // Another was asked early, and may know better.
        table.flags[slot]! |= ASKED.RETRIED;
        return true;
      }
    }
    if (tried === (1 << this.#states.count[group]!) - 1) return false;
    const upstream = this.#states.choose(group, tried);
    if (upstream < 0 || (tried & (1 << this.#states.placeOf[upstream]!)) !== 0) return false;
    table.flags[slot]! |= ASKED.RETRIED;
    return this.#attempts.ask(slot, upstream);
  }

  #isForNextGroup(slot: number, rcode: number): boolean {
    const group = this.#table.group[slot]!;
    const { nextGroup, asksNextOnNodata } = this.#groups.of(group);
    if (nextGroup < 0) return false;
    if (rcode < 32 && (this.#groups.nextRcodes[group]! & (1 << rcode)) !== 0) return true;
    return rcode === RCODE.NOERROR && asksNextOnNodata && this.#reply.answerCount === 0;
  }

  #askNextGroup(slot: number): boolean {
    const table = this.#table;
    const from = table.group[slot]!;
    const next = this.#groups.of(from).nextGroup;
    if (!this.#groups.isKnown(next)) return false;
    const to = groupIndexOf(next);
    const tried = table.tried[slot]!;
    const failed = table.failed[slot]!;
    table.group[slot] = to;
    table.tried[slot] = 0;
    table.failed[slot] = 0;
    if (!this.#attempts.ask(slot, -1)) {
      table.group[slot] = from;
      table.tried[slot] = tried;
      table.failed[slot] = failed;
      return false;
    }
    // What is asked there is no longer the question that others of the first group would share.
    table.hide(slot);
    this.#ends.moveWaiting(slot, from, to);
    return true;
  }
}
