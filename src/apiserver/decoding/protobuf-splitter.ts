/**
 * The protobuf of a LIST or WATCH response → its items, read one at a time.
 *
 *   list    "k8s\0" Unknown{ typeMeta, raw: …List{ metadata, items… } }            walked field by field: it may have 100 MB
 *   watch   frame…, each: size (4 octets, big-endian) WatchEvent{ type, object: RawExtension{ raw: "k8s\0" Unknown } }
 */
import { apiVersionOf } from '../../kubernetes/decode.ts';
import { OBJECT_SIZE_MAX } from './octet-collector.ts';
import { readInner, readMessage, type RawMessage } from './protobuf-message-reader.ts';
import * as messages from './protobuf-messages.ts';
import { ProtobufReader, VARINT_SIZE_MAX, WIRE, type OctetRange } from './protobuf-reader.ts';
import { readSlice, type TrimmedSlice } from './protobuf-slice.ts';
import { ResponseChunks } from './response-chunks.ts';
import { SizedOctets } from './sized-octets.ts';

const UNKNOWN_TYPE_META = 1;
const UNKNOWN_RAW = 2;
const SLICE_VERSION = apiVersionOf('EndpointSlice');
const FRAME_HEADER_SIZE = 4;

/** What comes next. */
type Expected = 'prefix' | 'tag' | 'size' | 'varint' | 'skipped' | 'body';
/** What the octets of a field are. */
type Body = 'skipped' | 'typeMeta' | 'list' | 'metadata' | 'item';

/** Items of a `…List`. */
export class ProtobufListSplitter {
  readonly #chunks: ResponseChunks;
  readonly #itemType: messages.MessageType;
  readonly #reader: ProtobufReader;
  readonly #body = new SizedOctets();
  readonly #fields = new Map<string, unknown>();
  #expected: Expected = 'prefix';
  #prefixSize = 0;
  #collected: Body = 'skipped';
  /** octets that are passed over */
  #skipped = 0;
  /** octets of the list that are to come; −1 outside of it */
  #listMissing = -1;
  #hasList = false;
  // The varint that is being read.
  #value = 0;
  #valueScale = 1;
  #valueSize = 0;

  /** @param what  names the response in errors */
  constructor(what: string, itemType: messages.MessageType) {
    this.#chunks = new ResponseChunks(what);
    this.#reader = new ProtobufReader(what);
    this.#itemType = itemType;
  }

  /** kind, apiVersion and metadata of the list, as far as they have come */
  get fields(): ReadonlyMap<string, unknown> {
    return this.#fields;
  }

  /** @throws SkyshardError API_RESPONSE */
  *push(octets: Uint8Array): Generator<unknown, void, void> {
    const chunk = this.#chunks.begin(octets);
    let at = 0;
    while (at < chunk.length) {
      const start = at;
      at = this.#step(chunk, at);
      if (this.#listMissing >= 0) this.#leaveOctets(at - start, at);
      if (this.#expected !== 'body' || !this.#body.isComplete) continue;
      this.#expected = 'tag';
      const message = this.#readBody();
      if (message !== undefined) yield message;
    }
    this.#chunks.end(chunk);
  }

  /** @throws SkyshardError API_RESPONSE */
  end(): void {
    const isBetweenFields = this.#expected === 'tag' && this.#valueSize === 0;
    if (!isBetweenFields || this.#listMissing >= 0 || !this.#hasList) throw this.#chunks.cutError();
  }

  /** @returns offset behind what was read, at least one octet */
  #step(chunk: Buffer, at: number): number {
    switch (this.#expected) {
      case 'prefix':
        if (chunk[at] !== messages.UNKNOWN_PREFIX[this.#prefixSize])
          throw this.#chunks.error('no Kubernetes protobuf', at);
        if (++this.#prefixSize === messages.UNKNOWN_PREFIX.length) this.#expected = 'tag';
        return at + 1;
      case 'tag': {
        const tag = this.#readVarint(chunk, at);
        if (tag >= 0) this.#beginField(tag, at);
        return at + 1;
      }
      case 'size': {
        const size = this.#readVarint(chunk, at);
        if (size >= 0) this.#beginBody(size, at);
        return at + 1;
      }
      case 'varint':
        if (this.#readVarint(chunk, at) >= 0) this.#expected = 'tag';
        return at + 1;
      case 'skipped': {
        const end = Math.min(chunk.length, at + this.#skipped);
        this.#skipped -= end - at;
        if (this.#skipped === 0) this.#expected = 'tag';
        return end;
      }
      case 'body':
        return this.#body.take(chunk, at);
    }
  }

  /** @returns the number, once its last octet is there; −1 before */
  #readVarint(chunk: Buffer, at: number): number {
    const octet = chunk[at]!;
    this.#value += (octet & 0x7f) * this.#valueScale;
    this.#valueScale *= 128;
    if (++this.#valueSize > VARINT_SIZE_MAX) throw this.#chunks.error('a number that does not end', at);
    if (octet > 0x7f) return -1;
    const value = this.#value;
    this.#value = 0;
    this.#valueScale = 1;
    this.#valueSize = 0;
    return value;
  }

  #beginField(tag: number, at: number): void {
    const number = Math.floor(tag / 8);
    if (number === 0) throw this.#chunks.error(`no field has tag ${tag}`, at);
    const isInList = this.#listMissing >= 0;
    this.#collected = 'skipped';
    switch (tag % 8) {
      case WIRE.VARINT:
        this.#expected = 'varint';
        return;
      case WIRE.I64:
        return this.#skip(8);
      case WIRE.I32:
        return this.#skip(4);
      case WIRE.LEN:
        this.#expected = 'size';
        if (isInList && number === messages.LIST.METADATA) this.#collected = 'metadata';
        else if (isInList && number === messages.LIST.ITEMS) this.#collected = 'item';
        else if (!isInList && number === UNKNOWN_TYPE_META) this.#collected = 'typeMeta';
        else if (!isInList && number === UNKNOWN_RAW) this.#collected = 'list';
        return;
      default:
        throw this.#chunks.error(`unknown wire type ${tag % 8}`, at);
    }
  }

  #beginBody(size: number, at: number): void {
    // The octet that ends the size is still counted as missing.
    if (this.#listMissing >= 0 && size > this.#listMissing - 1) {
      throw this.#chunks.error(`a field of ${size} octets in a list that has ${this.#listMissing - 1} more`, at);
    }
    if (this.#collected === 'skipped') this.#skip(size);
    else if (this.#collected === 'list') {
      this.#expected = 'tag';
      this.#hasList = true;
      // Counted down by one behind this octet, as all of the list.
      this.#listMissing = size + 1;
    } else {
      this.#expected = 'body';
      this.#body.begin(size);
    }
  }

  #skip(size: number): void {
    this.#skipped = size;
    this.#expected = size === 0 ? 'tag' : 'skipped';
  }

  #leaveOctets(count: number, at: number): void {
    this.#listMissing -= count;
    if (this.#listMissing > 0) return;
    const isBetweenFields =
      (this.#expected === 'tag' && this.#valueSize === 0) || (this.#expected === 'body' && this.#body.isComplete);
    if (this.#listMissing < 0 || !isBetweenFields) throw this.#chunks.error('the list ends inside a field', at);
    this.#listMissing = -1;
  }

  /** @returns an item */
  #readBody(): RawMessage | undefined {
    const { octets, start, end } = this.#body;
    this.#reader.open(octets, start, end);
    if (this.#collected === 'item') return readMessage(this.#reader, this.#itemType);
    if (this.#collected === 'metadata') this.#fields.set('metadata', readMessage(this.#reader, messages.LIST_META));
    else {
      const { kind, apiVersion } = readMessage(this.#reader, messages.TYPE_META);
      this.#fields.set('kind', kind).set('apiVersion', apiVersion);
    }
    return undefined;
  }
}

/** Events of a watch, each with the object in it. */
export class ProtobufStreamSplitter {
  readonly #chunks: ResponseChunks;
  readonly #kind: string;
  readonly #objectType: messages.MessageType;
  readonly #reader: ProtobufReader;
  readonly #frame = new SizedOctets();
  #isInFrame = false;
  #header = 0;
  #headerSize = 0;

  /**
   * @param what  names the response in errors
   * @param kind  of the objects
   */
  constructor(what: string, kind: string, objectType: messages.MessageType) {
    this.#chunks = new ResponseChunks(what);
    this.#reader = new ProtobufReader(what);
    this.#kind = kind;
    this.#objectType = objectType;
  }

  /** @throws SkyshardError API_RESPONSE */
  *push(octets: Uint8Array): Generator<unknown, void, void> {
    const chunk = this.#chunks.begin(octets);
    let at = 0;
    while (at < chunk.length) {
      if (this.#isInFrame) at = this.#frame.take(chunk, at);
      else this.#takeHeader(chunk, at++);
      if (!this.#isInFrame || !this.#frame.isComplete) continue;
      this.#isInFrame = false;
      yield this.#readEvent();
    }
    this.#chunks.end(chunk);
  }

  /** @throws SkyshardError API_RESPONSE */
  end(): void {
    if (this.#isInFrame || this.#headerSize > 0) throw this.#chunks.cutError();
  }

  #takeHeader(chunk: Buffer, at: number): void {
    this.#header = this.#header * 256 + chunk[at]!;
    if (++this.#headerSize < FRAME_HEADER_SIZE) return;
    const size = this.#header;
    this.#header = 0;
    this.#headerSize = 0;
    if (size > OBJECT_SIZE_MAX) throw this.#chunks.error(`a frame of ${size} octets, at most ${OBJECT_SIZE_MAX}`, at);
    this.#frame.begin(size);
    this.#isInFrame = true;
  }

  /** Field after field: an object for each message around the object would be a good part of the work. */
  #readEvent(): { readonly type: unknown; readonly object: RawMessage | TrimmedSlice } {
    const reader = this.#reader;
    const { octets, start, end } = this.#frame;
    reader.open(octets, start, end);
    let type: string | undefined;
    let position: OctetRange | undefined;
    for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
      if (number === messages.EVENT.TYPE) type = reader.readText() || type;
      else if (number === messages.EVENT.OBJECT) position = readExtension(reader);
      else reader.skip();
    }
    if (position === undefined) throw reader.error('an event without an object');
    reader.seek(position);
    if (!reader.takePrefix(messages.UNKNOWN_PREFIX)) throw reader.error('no Kubernetes protobuf');
    let typeMeta: RawMessage | undefined;
    let raw: OctetRange | undefined;
    for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
      if (number === UNKNOWN_TYPE_META) typeMeta = readInner(reader, messages.TYPE_META);
      else if (number === UNKNOWN_RAW) raw = reader.skipOctets();
      else reader.skip();
    }
    const { kind, apiVersion } = typeMeta ?? {};
    // An object of another kind has a type and no fields: who reads it will refuse it.
    const messageType = kind === 'Status' ? messages.STATUS : kind === this.#kind ? this.#objectType : undefined;
    if (raw === undefined || messageType === undefined) return { type, object: { kind, apiVersion } };
    if (kind === 'EndpointSlice' && apiVersion === SLICE_VERSION && (type === 'MODIFIED' || type === 'ADDED')) {
      reader.seek(raw);
      const object = readSlice(reader);
      if (object !== undefined) return { type, object };
    }
    reader.seek(raw);
    const message = readMessage(reader, messageType);
    message['kind'] = kind;
    message['apiVersion'] = apiVersion;
    return { type, object: message };
  }
}

/** @returns where its octets are; the last if there are several */
function readExtension(reader: ProtobufReader): OctetRange | undefined {
  let position: OctetRange | undefined;
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === messages.EVENT.RAW) position = reader.skipOctets();
    else reader.skip();
  }
  reader.leave(outerEnd);
  return position;
}
