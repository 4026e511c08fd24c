/**
 * One upstream server over HTTPS (RFC 8484): all queries share a connection of HTTP/2; a server that has only HTTP/1.1 gets a few
 * connections, each with a request at a time.
 *
 * A server closes connections when it likes: what was asked on one that had already brought replies is asked again, once, on
 * a new one; a connection that brings none has failed.
 */
import type { Agent } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { LENGTH_SIZE } from '../../dns/message-frames.ts';
import type { ForwardGroup, UpstreamAddress } from '../forward-group.ts';
import { tlsConnectorTo, type LogText } from './tls-connector.ts';
import { isRefusal, SILENT_MS, type StreamQuery } from './upstream-stream.ts';

const PATH = '/dns-query';
const MESSAGE_TYPE = 'application/dns-message';
const HEADER_SIZE = 12;
const MESSAGE_SIZE_MAX = 65_535;
/** How long a reply is waited for, ms: longer than anybody waits for what is made of it. */
const REPLY_MAX_MS = 5000;
/** How long a server that has only HTTP/1.1 is taken for one, ms. */
const HTTP1_MS = 60_000;
const HTTP1_CONNECTIONS_MAX = 8;
/** Connections of HTTP/2, those that have fallen silent and those under way among them. */
const CONNECTIONS_MAX = 4;
/** Queries at a time: what is more fails. */
const PENDING_MAX = 1000;

interface PendingQuery {
  readonly query: StreamQuery;
  readonly askedMs: number;
  /** on the connection it is on now */
  sentMs: number;
  /** it was asked on a connection that ended */
  isRepeated: boolean;
  isDone: boolean;
  cancel: () => void;
}

interface Session {
  readonly http: ClientHttp2Session;
  readonly bornMs: number;
  /** in the order they were sent */
  readonly pending: Set<PendingQuery>;
  hasReplied: boolean;
  usedMs: number;
  heardMs: number;
}

export class HttpUpstream {
  readonly #group: ForwardGroup;
  readonly #connect: () => Socket;
  readonly #authority: string;
  readonly #onQuery: (isNew: boolean) => void;
  readonly #pending = new Set<PendingQuery>();
  /** they wait for a connection under way, whichever is there first */
  #waiting: PendingQuery[] = [];
  /** with when they were begun, in that order */
  readonly #connecting = new Map<Socket, number>();
  readonly #sessions = new Set<Session>();
  #agent: Agent | undefined = undefined;
  #isHttp1UntilMs = -Infinity;
  #usedMs = 0;

  /**
   * @param onQuery  a query went over a connection that was there, or one was opened for it
   * @param log      told why a connection is not trusted
   */
  constructor(address: UpstreamAddress, group: ForwardGroup, onQuery: (isNew: boolean) => void, log: LogText) {
    this.#group = group;
    this.#onQuery = onQuery;
    this.#connect = tlsConnectorTo(address, group, ['h2', 'http/1.1'], log);
    const host = address.address.includes(':') ? `[${address.address}]` : address.address;
    const named = address.serverName === undefined || address.serverName === '' ? host : address.serverName;
    this.#authority = address.port === 443 ? named : `${named}:${address.port}`;
  }

  /** Whether it has something to be looked after. */
  get isActive(): boolean {
    return this.#pending.size > 0 || this.#sessions.size > 0 || this.#connecting.size > 0 || this.#agent !== undefined;
  }

  /** @returns false if there are too many queries already */
  ask(query: StreamQuery): boolean {
    if (this.#pending.size >= PENDING_MAX) return false;
    const askedMs = performance.now();
    const state = { sentMs: askedMs, isRepeated: false, isDone: false };
    const pending: PendingQuery = { query, askedMs, ...state, cancel: () => undefined };
    this.#pending.add(pending);
    this.#usedMs = askedMs;
    this.#send(pending);
    return true;
  }

  /** Now and then: what has waited too long, connections that are kept for nothing. */
  tick(nowMs: number): void {
    for (const pending of this.#pending) {
      if (nowMs - pending.askedMs < REPLY_MAX_MS) break;
      pending.cancel();
      this.#fail(pending);
    }
    for (const [socket, begunMs] of this.#connecting) if (nowMs - begunMs >= REPLY_MAX_MS) socket.destroy();
    for (const session of this.#sessions) {
      const isIdle = session.pending.size === 0 && nowMs - session.usedMs >= this.#group.expireMs;
      if (isIdle || this.#isOld(session, nowMs)) session.http.close();
    }
    if (this.#agent !== undefined && this.#pending.size === 0 && nowMs - this.#usedMs >= this.#group.expireMs) {
      this.#agent.destroy();
      this.#agent = undefined;
    }
  }

  close(): void {
    for (const socket of this.#connecting.keys()) socket.destroy();
    this.#agent?.destroy();
    for (const { http } of this.#sessions) http.destroy();
    for (const pending of [...this.#pending]) {
      pending.cancel();
      this.#fail(pending);
    }
  }

  #send(pending: PendingQuery): void {
    const nowMs = performance.now();
    if (nowMs < this.#isHttp1UntilMs) {
      this.#sendHttp1(pending);
      return;
    }
    for (const session of this.#sessions) {
      if (session.http.closed || session.http.destroyed || this.#isOld(session, nowMs)) continue;
      // It may be dead: what the network swallowed once, TCP sends again ever more rarely.
      if (silenceMs(session, nowMs) >= SILENT_MS) continue;
      this.#onQuery(false);
      this.#sendHttp2(pending, session);
      return;
    }
    this.#waiting.push(pending);
    const [begunMs = -Infinity] = [...this.#connecting.values()].slice(-1);
    if (nowMs - begunMs >= SILENT_MS) this.#open(nowMs);
  }

  #isOld(session: Session, nowMs: number): boolean {
    return this.#group.maxAgeMs > 0 && nowMs - session.bornMs >= this.#group.maxAgeMs;
  }

  /** Begin a connection; where there are too many, the one that has been silent the longest makes room. */
  #open(nowMs: number): void {
    const socket = this.#connect();
    this.#connecting.set(socket, nowMs);
    this.#onQuery(true);
    let isRefused = false;
    socket.on('error', (error) => (isRefused = isRefusal(error)));
    socket.once('close', () => {
      if (!this.#connecting.delete(socket) || this.#connecting.size > 0) return;
      for (const pending of this.#waiting.splice(0)) this.#fail(pending, isRefused);
    });
    socket.once('secureConnect', () => {
      if (!this.#connecting.delete(socket)) return;
      const waiting = this.#waiting.splice(0).filter(({ isDone }) => !isDone);
      if ((socket as TLSSocket).alpnProtocol === 'h2') {
        const session = this.#startSession(socket);
        for (const pending of waiting) this.#sendHttp2(pending, session);
      } else {
        socket.destroy();
        this.#isHttp1UntilMs = performance.now() + HTTP1_MS;
        for (const pending of waiting) this.#sendHttp1(pending);
      }
    });
    if (this.#connecting.size + this.#sessions.size <= CONNECTIONS_MAX) return;
    const silent = [...this.#sessions].find((session) => silenceMs(session, nowMs) >= SILENT_MS);
    const [oldest] = this.#connecting.keys();
    if (silent !== undefined) silent.http.destroy();
    else if (oldest !== socket) oldest?.destroy();
  }

  #startSession(socket: Socket): Session {
    const { connect } = process.getBuiltinModule('node:http2');
    const http = connect(`https://${this.#authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false },
      maxSessionMemory: 2,
    });
    const nowMs = performance.now();
    const times = { bornMs: nowMs, usedMs: nowMs, heardMs: nowMs };
    const session: Session = { http, ...times, pending: new Set(), hasReplied: false };
    this.#sessions.add(session);
    http.on('error', () => undefined);
    http.on('close', () => {
      this.#sessions.delete(session);
      const pending = [...session.pending];
      session.pending.clear();
      for (const one of pending) this.#askAgain(one, session.hasReplied);
    });
    return session;
  }

  #sendHttp2(pending: PendingQuery, session: Session): void {
    const { http } = session;
    session.usedMs = pending.sentMs = performance.now();
    session.pending.add(pending);
    const message = messageOf(pending.query);
    const isPost = this.#group.dohMethod === 'POST';
    const stream = http.request(
      {
        ':method': isPost ? 'POST' : 'GET',
        ':path': isPost ? PATH : targetOf(message),
        ':authority': this.#authority,
        accept: MESSAGE_TYPE,
        ...(isPost && { 'content-type': MESSAGE_TYPE, 'content-length': message.length }),
      },
      { endStream: !isPost },
    );
    pending.cancel = () => stream.close(8);
    const reply = new ReplyBody();
    stream.on('error', () => undefined);
    stream.on('response', (headers) => {
      session.heardMs = performance.now();
      reply.hasHead = true;
      reply.isGood = headers[':status'] === 200 && isMessage(headers['content-type']);
    });
    stream.on('data', (piece: Buffer) => reply.add(piece));
    stream.on('end', () => {
      // A stream ends too when its connection does.
      if (!reply.hasHead || stream.aborted) return;
      session.hasReplied = true;
      session.pending.delete(pending);
      this.#complete(pending, reply);
    });
    stream.on('close', () => {
      // With its session, or alone: the server does not want it.
      if (http.destroyed || http.closed || !session.pending.delete(pending)) return;
      this.#askAgain(pending, stream.rstCode === 7);
    });
    if (isPost) stream.end(message);
  }

  #sendHttp1(pending: PendingQuery): void {
    const http = process.getBuiltinModule('node:http');
    const connect = this.#connect;
    if (this.#agent === undefined) {
      this.#agent = new http.Agent({ keepAlive: true, maxSockets: HTTP1_CONNECTIONS_MAX });
      this.#agent.createConnection = () => connect();
    }
    const message = messageOf(pending.query);
    const isPost = this.#group.dohMethod === 'POST';
    const request = http.request({
      agent: this.#agent,
      host: this.#authority,
      method: isPost ? 'POST' : 'GET',
      path: isPost ? PATH : targetOf(message),
      headers: {
        host: this.#authority,
        accept: MESSAGE_TYPE,
        ...(isPost && { 'content-type': MESSAGE_TYPE, 'content-length': message.length }),
      },
    });
    pending.cancel = () => request.destroy();
    request.on('socket', (socket) => {
      this.#onQuery(socket.connecting);
      if (!socket.connecting) return;
      // Another server may be there now.
      socket.once('secureConnect', () => {
        if ((socket as TLSSocket).alpnProtocol === 'h2') this.#isHttp1UntilMs = -Infinity;
      });
    });
    request.on('error', (error) => this.#askAgain(pending, request.reusedSocket, isRefusal(error)));
    request.on('response', (response) => {
      const reply = new ReplyBody();
      reply.isGood = response.statusCode === 200 && isMessage(response.headers['content-type']);
      response.on('data', (piece: Buffer) => reply.add(piece));
      response.on('end', () => this.#complete(pending, reply));
      response.on('close', () => this.#fail(pending));
    });
    request.end(isPost ? message : undefined);
  }

  /** @param isWorthIt  the connection that ended had brought replies */
  #askAgain(pending: PendingQuery, isWorthIt: boolean, isRefused = false): void {
    if (pending.isDone) return;
    if (!isWorthIt || pending.isRepeated) {
      this.#fail(pending, isRefused);
      return;
    }
    pending.isRepeated = true;
    this.#send(pending);
  }

  #complete(pending: PendingQuery, reply: ReplyBody): void {
    const message = reply.message();
    if (message === undefined) {
      this.#fail(pending);
      return;
    }
    if (!this.#finish(pending)) return;
    const { query } = pending;
    message.writeUInt16BE(query.id, 0);
    query.asker.receiveReply(query, message);
  }

  #fail(pending: PendingQuery, isRefused = false): void {
    if (this.#finish(pending)) pending.query.asker.failQuery(pending.query, isRefused);
  }

  /** @returns whether it was not done before */
  #finish(pending: PendingQuery): boolean {
    if (pending.isDone) return false;
    pending.isDone = true;
    this.#pending.delete(pending);
    return true;
  }
}

/** How long a connection has been waited for without a word of it, ms. */
function silenceMs({ pending, heardMs }: Session, nowMs: number): number {
  for (const { sentMs } of pending) return heardMs <= sentMs ? nowMs - sentMs : 0;
  return 0;
}

/** What comes back for one query. */
class ReplyBody {
  hasHead = false;
  isGood = false;
  readonly #pieces: Buffer[] = [];
  #size = 0;

  add(piece: Buffer): void {
    this.#size += piece.length;
    if (this.#size > MESSAGE_SIZE_MAX) this.isGood = false;
    if (this.isGood) this.#pieces.push(piece);
  }

  message(): Buffer | undefined {
    if (!this.isGood || this.#size < HEADER_SIZE) return undefined;
    return Buffer.concat(this.#pieces);
  }
}

/** With id 0: equal questions are equal requests (RFC 8484 §4.1). */
function messageOf({ octets }: StreamQuery): Buffer {
  const message = Buffer.from(octets.subarray(LENGTH_SIZE));
  message.writeUInt16BE(0, 0);
  return message;
}

function targetOf(message: Buffer): string {
  return `${PATH}?dns=${message.toString('base64url')}`;
}

function isMessage(type: string | undefined): boolean {
  return type?.split(';', 1)[0]?.trim().toLowerCase() === MESSAGE_TYPE;
}
