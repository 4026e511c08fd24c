/** The OPT record of a response (RFC 6891): cookie, keepalive, NSID and extended error, and the room they take. */
import { EDNS_OPTION, TYPE } from '../dns/iana.ts';
import { PADDING_OPTION_SIZE } from '../dns/padding.ts';
import { OPT_SIZE } from '../dns/wire-header.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import { POLICY } from '../snapshot/snapshot-layout.ts';
import type { QueryClient } from './answerer-options.ts';
import type { Query } from './query.ts';
import type { Response } from './response.ts';
import { CLIENT_COOKIE_SIZE, SERVER_COOKIE_SIZE, ServerCookies } from './server-cookie.ts';

const OPTION_HEAD_SIZE = 4;
const COOKIE_OPTION_SIZE = OPTION_HEAD_SIZE + CLIENT_COOKIE_SIZE + SERVER_COOKIE_SIZE;
const EDE_OPTION_SIZE = OPTION_HEAD_SIZE + 2;
const KEEPALIVE_OPTION_SIZE = OPTION_HEAD_SIZE + 2;

export class OptWriter {
  /**
   * how long a stream may be idle, as edns-tcp-keepalive says it: units of 100 ms, 0: the client is to close it, -1: that is
   * no matter of DNS there
   */
  idleTimeoutUnits = 0;
  /** the query came encrypted: a client that pads gets an empty Padding option last, to be filled when all else is written */
  isEncrypted = false;
  /** POLICY of the query's route: word index, 0: it has none yet */
  policyAt = 0;

  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly client: QueryClient;
  private readonly cookies: ServerCookies;

  constructor(reader: SnapshotReader, query: Query, response: Response, client: QueryClient, cookieSecret: Uint8Array) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.client = client;
    this.cookies = new ServerCookies(cookieSecret);
  }

  /** Octets kept free for OPT with the options that may not be left out; an extended error is, where it has no room. */
  sizeMax(): number {
    const query = this.query;
    if (!query.hasEdns) return 0;
    let size = OPT_SIZE;
    if (query.cookieSize !== 0) size += COOKIE_OPTION_SIZE;
    if (this.isKeepaliveSaid()) size += KEEPALIVE_OPTION_SIZE;
    if (query.isPaddingAsked && this.isEncrypted) size += PADDING_OPTION_SIZE;
    if (query.isNsidAsked && this.policyAt !== 0) {
      const nsidSize = this.reader.words[this.policyAt + POLICY.at.nsidSize]!;
      if (nsidSize > 0) size += OPTION_HEAD_SIZE + nsidSize;
    }
    return size;
  }

  isCookieValid(): boolean {
    const { query, client } = this;
    const { bytes } = this.response;
    const now = nowSeconds();
    return this.cookies.isValid(query.cookie, query.cookieSize, bytes, client.peerOffset, client.peerSize, now);
  }

  /** Write it at the response's position. @param end  of the room for an extended error */
  write(end: number): void {
    const { response, query, client } = this;
    const { view, bytes } = response;
    const start = response.position;
    bytes[start] = 0;
    view.setUint16(start + 1, TYPE.OPT);
    view.setUint16(start + 3, client.udpSizeMax);
    view.setUint32(start + 5, ((response.rcode >>> 4) << 24) | (query.isDo << 15));
    let at = start + OPT_SIZE;
    if (query.cookieSize !== 0) {
      view.setUint32(at, (EDNS_OPTION.COOKIE << 16) | (CLIENT_COOKIE_SIZE + SERVER_COOKIE_SIZE));
      const cookieAt = at + OPTION_HEAD_SIZE;
      this.cookies.write(bytes, cookieAt, query.cookie, bytes, client.peerOffset, client.peerSize, nowSeconds());
      at += COOKIE_OPTION_SIZE;
    }
    if (this.isKeepaliveSaid()) {
      view.setUint32(at, (EDNS_OPTION.TCP_KEEPALIVE << 16) | 2);
      view.setUint16(at + OPTION_HEAD_SIZE, this.idleTimeoutUnits);
      at += KEEPALIVE_OPTION_SIZE;
    }
    if (query.isNsidAsked && this.policyAt !== 0) at = this.writeNsid(at);
    const paddingSize = query.isPaddingAsked && this.isEncrypted ? PADDING_OPTION_SIZE : 0;
    const textEnd = end - paddingSize;
    if (response.extendedError >= 0 && at + EDE_OPTION_SIZE <= textEnd) {
      const text = response.extendedErrorText;
      const textSize = at + EDE_OPTION_SIZE + text.length <= textEnd ? text.length : 0;
      view.setUint32(at, (EDNS_OPTION.EDE << 16) | (2 + textSize));
      view.setUint16(at + OPTION_HEAD_SIZE, response.extendedError);
      at += EDE_OPTION_SIZE;
      for (let index = 0; index < textSize; index++) bytes[at++] = text[index]!;
    }
    if (paddingSize > 0) {
      view.setUint32(at, EDNS_OPTION.PADDING << 16);
      at += paddingSize;
    }
    view.setUint16(start + 9, at - start - OPT_SIZE);
    response.position = at;
  }

  private isKeepaliveSaid(): boolean {
    return this.query.isKeepaliveAsked && this.client.isStream && this.idleTimeoutUnits >= 0;
  }

  private writeNsid(at: number): number {
    const words = this.reader.words;
    const size = words[this.policyAt + POLICY.at.nsidSize]!;
    if (size === 0) return at;
    this.response.view.setUint32(at, (EDNS_OPTION.NSID << 16) | size);
    return this.response.copyWords(words, this.policyAt + POLICY.at.nsid, size, at + OPTION_HEAD_SIZE);
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
