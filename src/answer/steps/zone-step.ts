/**
 * The step of the chain that answers from a zone with records of its own: `file`, `auto` and `secondary`. What exists, what
 * is delegated and where wildcards are was worked out when the zone was loaded (zones/zone-data.ts), so an ordinary name is
 * one look into the table; names that are not there are looked for from the longest end that is.
 *
 * RFC 1034 §4.3.2, wildcards RFC 4592, DNAME RFC 6672, denial RFC 2308, signed zones RFC 4035 §3.1 as far as records are
 * there: nothing is signed here.
 */
import { EDE, RCODE, TYPE } from '../../dns/iana.ts';
import { NAME_SIZE_MAX, POINTER_OFFSET_MAX } from '../../dns/wire-header.ts';
import { NOT_FOUND, type SnapshotReader } from '../../snapshot/reader.ts';
import {
  DATASET,
  DATASET_FLAG,
  ENTRY_FLAG,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KIND_SHIFT,
  KEY_SPACE,
  KIND,
  POLICY_FLAG,
  STEP_FLAG,
  ZONE_RECORDS,
} from '../../snapshot/snapshot-layout.ts';
import { presentName } from '../name-text.ts';
import type { Query } from '../query.ts';
import { type Response, SECTION } from '../response.ts';
import type { Rotation } from '../order/rotation.ts';
import { NO_TTL_MAX, RrsetWriter } from './rrset-writer.ts';
import { STEP_RESULT } from './step-result.ts';
import { ZoneProofs } from './zone-proofs.ts';

const KEY = 25;
/** The label `*` with its length octet. */
const WILDCARD_SIZE = 2;
const WILDCARD = 0x2a01;
/** Owner pointer, TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 12;

/** As many as aliases are followed. */
const SUBSTITUTIONS_MAX = 10;

export class ZoneStep {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly rotation: Rotation;
  private readonly words: Uint32Array;
  private readonly writer: RrsetWriter;
  private readonly proofs: ZoneProofs;
  /** a name that is looked for beside the question's, lower-cased, zero-padded */
  private readonly otherBytes: Uint8Array;
  private readonly otherView: DataView;

  /** the response that what follows is of */
  private responseNumber = -1;
  /** entries whose DNAME records stand in the response */
  private readonly substituted = new Uint32Array(SUBSTITUTIONS_MAX);
  private substitutedCount = 0;

  private datasetAt = 0;
  /** octets of the question's name left of the zone */
  private zoneStart = 0;
  private zoneSize = 0;
  /** offset of the zone's name in the message */
  private zoneOffset = 0;
  private apexAt = 0;
  private isMinimal = false;
  private isFallthrough = false;
  private isDo = false;
  /** who wants to know which wildcard has answered: its name in presentation form */
  onWildcard: ((name: string) => void) | undefined = undefined;

  constructor(reader: SnapshotReader, query: Query, response: Response, rotation: Rotation) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.rotation = rotation;
    this.words = reader.words;
    this.writer = new RrsetWriter(reader.words, response);
    this.proofs = new ZoneProofs(reader.words, query, response, this.writer);
    const other = new ArrayBuffer(2 * NAME_SIZE_MAX + 2);
    this.otherBytes = new Uint8Array(other);
    this.otherView = new DataView(other);
  }

  /** @param flags  POLICY_FLAG bits of the server block */
  setPolicy(flags: number): void {
    this.isMinimal = (flags & POLICY_FLAG.MINIMAL) !== 0;
  }

  /**
   * @param infoAt     word index of the ZONE_RECORDS
   * @param stepFlags  STEP_FLAG bits
   * @returns STEP_RESULT
   */
  answer(infoAt: number, stepFlags: number): number {
    const { words, query, response, reader } = this;
    if (this.responseNumber !== response.number) {
      this.responseNumber = response.number;
      this.substitutedCount = 0;
      this.proofs.begin();
    }
    const datasetAt = reader.datasetAt(words[infoAt + ZONE_RECORDS.at.dataset]!);
    this.datasetAt = datasetAt;
    if ((words[datasetAt + DATASET.at.flags]! & DATASET_FLAG.SYNCED) === 0) {
      response.rcode = RCODE.SERVFAIL;
      response.extendedError = EDE.NOT_READY;
      return STEP_RESULT.DONE;
    }
    this.zoneSize = words[infoAt + ZONE_RECORDS.at.zoneSize]!;
    this.zoneStart = query.nameSize - this.zoneSize;
    this.zoneOffset = response.ownerOffset + this.zoneStart;
    this.isFallthrough = (stepFlags & STEP_FLAG.FALLTHROUGH) !== 0;
    this.isDo = query.isDo !== 0;
    this.apexAt = reader.findEntryAt(datasetAt, KEY_SPACE.FORWARD, query.nameView, 0, 0);
    this.writer.begin(words[infoAt + ZONE_RECORDS.at.ttlMax]!);
    this.writer.places.add(response.ownerOffset, query.labelStarts, query.labelCount, query.nameSize);
    let entryAt = this.apexAt;
    if (this.zoneStart > 0) {
      entryAt = reader.findEntry(datasetAt, KEY_SPACE.FORWARD, query.nameWords, this.zoneStart);
      if (entryAt === NOT_FOUND) return this.answerFromAbove(NOT_FOUND);
      const flags = this.flagsOf(entryAt);
      if ((flags & ENTRY_FLAG.OCCLUDED) !== 0) return this.answerFromAbove(entryAt);
      // What the parent knows of a delegation is its own (RFC 4035 §3.1.4.1).
      if ((flags & ENTRY_FLAG.CUT) !== 0 && query.qtype !== TYPE.DS) return this.refer(entryAt, 0);
    }
    return this.answerEntry(entryAt, false);
  }

  /** The response has records that prove something: without them a signed answer is worth nothing. */
  get hasProofs(): boolean {
    return this.responseNumber === this.response.number && this.proofs.isSaid;
  }

  /** The alias that this step wrote last leads to a name that no zone of the server holds: its zone answers. */
  endAlias(): void {
    this.writeAuthority(!this.isMinimal);
  }

  private flagsOf(entryAt: number): number {
    return this.words[entryAt]! >>> ENTRY_FLAGS_SHIFT;
  }

  private isEmpty(entryAt: number): boolean {
    return ((this.words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf) !== KIND.RRSETS;
  }

  // ---- which name answers ---------------------------------------------------------------------------------------------

  /** The name is not there, or lies below a delegation or DNAME: the names above it decide. */
  private answerFromAbove(ownAt: number): number {
    const { query, reader, zoneStart } = this;
    for (let label = 1; label <= query.labelCount; label++) {
      const start = query.labelStarts[label]!;
      const entryAt =
        start === zoneStart
          ? this.apexAt
          : reader.findEntryAt(this.datasetAt, KEY_SPACE.FORWARD, query.nameView, start, zoneStart - start);
      if (entryAt === NOT_FOUND) continue;
      const flags = this.flagsOf(entryAt);
      if ((flags & ENTRY_FLAG.OCCLUDED) !== 0) continue;
      if ((flags & ENTRY_FLAG.DNAME) !== 0) return this.substitute(entryAt, start);
      if ((flags & ENTRY_FLAG.CUT) !== 0) return this.refer(entryAt, start);
      if ((flags & ENTRY_FLAG.WILDCARD) !== 0) {
        const wildcardAt = this.findWildcard(start);
        if (wildcardAt !== NOT_FOUND) {
          if (this.onWildcard !== undefined && !this.isEmpty(wildcardAt)) this.tellWildcard(start);
          return this.answerEntry(wildcardAt, true);
        }
      }
      return this.denyName(start);
    }
    // Nothing is above: the apex is there, and the name is the apex or below it.
    return this.answerEntry(ownAt, false);
  }

  /** @param start  where the name that the wildcard is directly below begins */
  private tellWildcard(start: number): void {
    const { query, response } = this;
    // Where an alias leads is another question's, as in CoreDNS; glue is nobody's.
    if (response.answerCount > 0 || response.section !== SECTION.ANSWER) return;
    const above = presentName(query.nameBytes, start);
    this.onWildcard!(above === '.' ? '*.' : `*.${above}`);
  }

  /** The entry of `*` directly below the name that starts at an octet of the question's. */
  private findWildcard(start: number): number {
    const { reader, query, zoneStart } = this;
    const { keyWords } = reader;
    const keySize = WILDCARD_SIZE + zoneStart - start;
    const count = (keySize + 3) >>> 2;
    keyWords[0] = WILDCARD | (query.nameView.getUint16(start, true) << 16);
    for (let index = 1; index < count; index++) {
      keyWords[index] = query.nameView.getUint32(start + (index << 2) - WILDCARD_SIZE, true);
    }
    const tail = keySize & 3;
    if (tail !== 0) keyWords[count - 1]! &= (1 << (tail << 3)) - 1;
    return reader.findKey(this.datasetAt, KEY_SPACE.FORWARD, keySize);
  }

  // ---- the responses ----------------------------------------------------------------------------------------------------

  /** @param isWildcard  the entry stands for the question's name, which is not there itself */
  private answerEntry(entryAt: number, isWildcard: boolean): number {
    const { query, response, writer } = this;
    const { qtype } = query;
    if (this.isEmpty(entryAt) && !isWildcard && this.isFallthrough) return STEP_RESULT.NEXT;
    response.isAuthoritative = true;
    // What makes the apex one is served, whatever else the zone says there.
    const isApexType = entryAt === this.apexAt && (qtype === TYPE.SOA || qtype === TYPE.NS);
    if (!isBesideAlias(qtype) && !isApexType) {
      const aliasAt = writer.find(entryAt, TYPE.CNAME);
      if (aliasAt !== NOT_FOUND) return this.followAlias(entryAt, aliasAt, isWildcard);
    }
    const rrsetAt = writer.find(entryAt, qtype);
    if (rrsetAt === NOT_FOUND) return this.denyType(entryAt, isWildcard);
    const isRotated = qtype === TYPE.A || qtype === TYPE.AAAA || qtype === TYPE.MX;
    const start = isRotated ? this.rotation.start(writer.countOf(rrsetAt)) : 0;
    // A DNAME record that was followed to itself stands in the response.
    const isThere = qtype === TYPE.DNAME && !isWildcard && this.isSubstituted(entryAt);
    const isWhole =
      isThere || (writer.write(rrsetAt, response.ownerOffset, NO_TTL_MAX, start) && this.sign(entryAt, qtype));
    if (!isWhole) response.isTruncated = true;
    // Behind an answer that is cut nothing else helps.
    if (!isWhole) return STEP_RESULT.DONE;
    const isApexServers = entryAt === this.apexAt && qtype === TYPE.NS;
    const { targetCount } = writer;
    if (isWildcard) this.awaitProof();
    this.writeAuthority(!this.isMinimal && !isApexServers);
    if (this.isMinimal) return STEP_RESULT.DONE;
    if (isApexServers || hasTargets(qtype)) this.writeAddresses(targetCount, isApexServers ? this.zoneStart : -1);
    return STEP_RESULT.DONE;
  }

  /** Signatures of what was written last, where they are wanted. */
  private sign(entryAt: number, type: number): boolean {
    return !this.isDo || this.writer.writeSignatures(entryAt, type, this.response.ownerOffset, NO_TTL_MAX);
  }

  private followAlias(entryAt: number, aliasAt: number, isWildcard: boolean): number {
    const { response, writer } = this;
    const target = response.position + RECORD_FIXED_SIZE - response.messageAt;
    const isWhole = writer.write(aliasAt, response.ownerOffset, NO_TTL_MAX, 0) && this.sign(entryAt, TYPE.CNAME);
    if (!isWhole || target > POINTER_OFFSET_MAX) {
      response.isTruncated = true;
      return STEP_RESULT.DONE;
    }
    if (isWildcard) this.awaitProof();
    response.followOffset = target;
    return STEP_RESULT.FOLLOW;
  }

  /** A wildcard has answered: that no closer name could have is proved when the answers are complete (RFC 4035 §3.1.3.3). */
  private awaitProof(): void {
    if (this.isDo) this.proofs.await(this.proofs.ofName(this.datasetAt, this.zoneStart), this.zoneOffset);
  }

  /** Behind answers: the proofs that they need, and the apex NS records if they are wanted and have room. */
  private writeAuthority(hasServers: boolean): void {
    const { response, writer } = this;
    response.section = SECTION.AUTHORITY;
    // A signed answer of a wildcard without its proof is worth nothing.
    if (!this.proofs.writeWaiting()) response.isTruncated = true;
    const serversAt = hasServers && !response.isTruncated ? writer.find(this.apexAt, TYPE.NS) : NOT_FOUND;
    if (serversAt !== NOT_FOUND) {
      const { position, authorityCount } = response;
      const isWhole =
        writer.write(serversAt, this.zoneOffset, NO_TTL_MAX, 0) &&
        (!this.isDo || writer.writeSignatures(this.apexAt, TYPE.NS, this.zoneOffset, NO_TTL_MAX));
      if (!isWhole) {
        response.position = position;
        response.authorityCount = authorityCount;
      }
    }
    response.section = SECTION.ANSWER;
  }

  /**
   * Addresses of the targets that were written first, as far as this zone has them: for each target all or nothing.
   *
   * @param below  only targets at or below the question's name from this octet on; -1: all in the zone
   * @returns whether all fit
   */
  private writeAddresses(targetCount: number, below: number): boolean {
    const { response, writer } = this;
    response.section = SECTION.ADDITIONAL;
    let isWhole = true;
    for (let index = 0; index < targetCount; index++) {
      const entryAt = this.findTarget(index, below);
      if (entryAt === NOT_FOUND || this.isRepeated(index)) continue;
      const { position, additionalCount } = response;
      const owner = writer.targetOffsets[index]!;
      if (this.writeAddress(entryAt, TYPE.A, owner) && this.writeAddress(entryAt, TYPE.AAAA, owner)) continue;
      response.position = position;
      response.additionalCount = additionalCount;
      isWhole = false;
    }
    response.section = SECTION.ANSWER;
    return isWhole;
  }

  private writeAddress(entryAt: number, type: number, owner: number): boolean {
    const { writer } = this;
    const rrsetAt = writer.find(entryAt, type);
    if (rrsetAt === NOT_FOUND) return true;
    if (!writer.write(rrsetAt, owner, NO_TTL_MAX, 0)) return false;
    return !this.isDo || writer.writeSignatures(entryAt, type, owner, NO_TTL_MAX);
  }

  /** @returns word index of the entry of a target, NOT_FOUND: it lies elsewhere, or is not there */
  private findTarget(index: number, below: number): number {
    const { writer, query, otherBytes } = this;
    const size = this.loadOther(writer.targetWords[index]!, writer.targetOctets[index]!);
    const start = below < 0 ? this.zoneStart : below;
    const common = query.nameSize - start;
    const own = size - common;
    if (own < 0) return NOT_FOUND;
    for (let octet = 0; octet < common; octet++) {
      if (otherBytes[own + octet] !== query.nameBytes[start + octet]) return NOT_FOUND;
    }
    // The octets before may end in the middle of a label.
    let at = 0;
    while (at < own) at += otherBytes[at]! + 1;
    if (at !== own) return NOT_FOUND;
    return this.reader.findEntryAt(this.datasetAt, KEY_SPACE.FORWARD, this.otherView, 0, size - this.zoneSize);
  }

  /** Whether an earlier target is the same name: the addresses of each are written once. */
  private isRepeated(index: number): boolean {
    const { writer, words } = this;
    const base = writer.targetWords[index]!;
    const at = writer.targetOctets[index]!;
    for (let earlier = 0; earlier < index; earlier++) {
      const otherBase = writer.targetWords[earlier]!;
      const otherAt = writer.targetOctets[earlier]!;
      for (let octet = 0; ; octet++) {
        const own = lowerOctetAt(words, base, at + octet);
        if (own !== lowerOctetAt(words, otherBase, otherAt + octet)) break;
        if (own === 0) return true;
      }
    }
    return false;
  }

  /** Copy a name of the snapshot, lower-cased and followed by zero octets. @returns its octets */
  private loadOther(wordAt: number, octetAt: number): number {
    const { otherBytes, words } = this;
    let size = 0;
    for (;;) {
      const length = lowerOctetAt(words, wordAt, octetAt + size);
      otherBytes[size] = length;
      for (let index = 1; index <= length; index++) {
        otherBytes[size + index] = lowerOctetAt(words, wordAt, octetAt + size + index);
      }
      size += length + 1;
      if (length === 0) break;
    }
    otherBytes.fill(0, size, size + 4);
    return size;
  }

  /** A delegation at the question's name from an octet on. */
  private refer(cutAt: number, start: number): number {
    const { response, writer } = this;
    const owner = response.ownerOffset + start;
    // Behind an alias of this zone the answer is ours.
    response.isAuthoritative = response.answerCount > 0;
    writer.forgetTargets();
    response.section = SECTION.AUTHORITY;
    let isWhole = writer.write(writer.find(cutAt, TYPE.NS), owner, NO_TTL_MAX, 0);
    const { targetCount } = writer;
    if (isWhole && this.isDo) {
      const signerAt = writer.find(cutAt, TYPE.DS);
      // Where there is none, that is proved (RFC 4035 §3.1.4).
      isWhole =
        signerAt === NOT_FOUND
          ? this.proofs.write(cutAt, this.zoneOffset)
          : writer.write(signerAt, owner, NO_TTL_MAX, 0) && writer.writeSignatures(cutAt, TYPE.DS, owner, NO_TTL_MAX);
      isWhole &&= this.proofs.writeWaiting();
    }
    response.section = SECTION.ANSWER;
    // Without the addresses that lie in the delegated zone nobody gets there (RFC 9471 §3.1); others are left out, as CoreDNS
    // does (§3.2 says that they should be there).
    if (isWhole) isWhole = this.writeAddresses(targetCount, start);
    if (!isWhole) response.isTruncated = true;
    return STEP_RESULT.DONE;
  }

  /** A DNAME record above the question's name, at its octet `start`, and the CNAME that follows from it. */
  private substitute(ownerAt: number, start: number): number {
    const { response, writer, query, words } = this;
    const dnameAt = writer.find(ownerAt, TYPE.DNAME);
    const owner = response.ownerOffset + start;
    response.isAuthoritative = true;
    if (!this.isSubstituted(ownerAt)) {
      const isWhole =
        writer.write(dnameAt, owner, NO_TTL_MAX, 0) &&
        (!this.isDo || writer.writeSignatures(ownerAt, TYPE.DNAME, owner, NO_TTL_MAX));
      if (!isWhole) return this.truncate();
    }
    const dataSize = words[dnameAt + 1]! - 6;
    if (start + dataSize > NAME_SIZE_MAX) {
      response.rcode = RCODE.YXDOMAIN;
      return STEP_RESULT.DONE;
    }
    const record = response.position;
    const target = record + RECORD_FIXED_SIZE;
    if (target + start + dataSize > response.limit || target - response.messageAt > POINTER_OFFSET_MAX) {
      response.isTruncated = true;
      return STEP_RESULT.DONE;
    }
    const { view, bytes } = response;
    const ttl = writer.ttlOf(dnameAt);
    view.setUint32(record, ((0xc000 | response.ownerOffset) << 16) | TYPE.CNAME);
    view.setUint32(record + 4, 0x0001_0000 | (ttl >>> 16));
    view.setUint32(record + 8, (ttl << 16) | (start + dataSize));
    for (let index = 0; index < start; index++) bytes[target + index] = bytes[query.nameAt + index]!;
    for (let index = 0; index < dataSize; index++) {
      bytes[target + start + index] = octetAt(words, dnameAt + 2, 6 + index);
    }
    response.position = target + start + dataSize;
    response.answerCount++;
    if (query.qtype !== TYPE.CNAME) {
      response.followOffset = target - response.messageAt;
      return STEP_RESULT.FOLLOW;
    }
    this.writeAuthority(!this.isMinimal);
    return STEP_RESULT.DONE;
  }

  /** Whether the DNAME record of an entry stands in the response already: aliases may lead below it again. It does then. */
  private isSubstituted(ownerAt: number): boolean {
    for (let index = 0; index < this.substitutedCount; index++) if (this.substituted[index] === ownerAt) return true;
    if (this.substitutedCount < this.substituted.length) this.substituted[this.substitutedCount++] = ownerAt;
    return false;
  }

  // ---- denials ----------------------------------------------------------------------------------------------------------

  private denyType(entryAt: number, isWildcard: boolean): number {
    const { response } = this;
    if (!this.writeSoa()) return this.truncate();
    if (this.isDo && this.isSigned()) {
      const { proofs, zoneOffset } = this;
      const nameProof = isWildcard || this.isEmpty(entryAt) ? proofs.ofName(this.datasetAt, this.zoneStart) : NOT_FOUND;
      response.section = SECTION.AUTHORITY;
      const isWhole =
        (this.isEmpty(entryAt) || proofs.write(entryAt, zoneOffset)) &&
        proofs.write(nameProof, zoneOffset) &&
        proofs.writeWaiting();
      response.section = SECTION.ANSWER;
      if (!isWhole) return this.truncate();
    }
    return STEP_RESULT.DONE;
  }

  /** The name does not exist. @param encloser  octet of the name from which on it does */
  private denyName(encloser: number): number {
    const { response } = this;
    if (this.isFallthrough) return STEP_RESULT.NEXT;
    response.isAuthoritative = true;
    response.rcode = RCODE.NXDOMAIN;
    if (!this.writeSoa()) return this.truncate();
    if (this.isDo && this.isSigned()) {
      const { proofs, datasetAt, zoneStart, zoneOffset } = this;
      const nameProof = proofs.ofName(datasetAt, zoneStart);
      const wildcardProof = proofs.ofWildcard(datasetAt, zoneStart, encloser);
      response.section = SECTION.AUTHORITY;
      const isWhole =
        proofs.write(nameProof, zoneOffset) && proofs.write(wildcardProof, zoneOffset) && proofs.writeWaiting();
      response.section = SECTION.ANSWER;
      if (!isWhole) return this.truncate();
    }
    return STEP_RESULT.DONE;
  }

  private truncate(): number {
    this.response.isTruncated = true;
    return STEP_RESULT.DONE;
  }

  private isSigned(): boolean {
    return this.words[this.datasetAt + DATASET.at.order] !== 0;
  }

  /** The SOA of a denial; how long that may be kept is the smaller of its TTL and MINIMUM (RFC 2308 §5). */
  private writeSoa(): boolean {
    const { response, writer } = this;
    const owner = this.zoneOffset;
    const soaAt = writer.find(this.apexAt, TYPE.SOA);
    const minimum = writer.minimumOf(soaAt);
    response.section = SECTION.AUTHORITY;
    let isWhole = writer.write(soaAt, owner, minimum, 0);
    if (isWhole && this.isDo) isWhole = writer.writeSignatures(this.apexAt, TYPE.SOA, owner, minimum);
    response.section = SECTION.ANSWER;
    return isWhole;
  }
}

/** Types whose records may stand beside an alias: who asks for them does not mean what it leads to (RFC 4034 §2.5, §4). */
function isBesideAlias(type: number): boolean {
  return type === TYPE.CNAME || type === TYPE.NSEC || type === TYPE.RRSIG || type === KEY;
}

/** Types whose records name others whose addresses are asked for next. */
function hasTargets(type: number): boolean {
  return type === TYPE.MX || type === TYPE.SRV || type === TYPE.SVCB || type === TYPE.HTTPS;
}

function octetAt(words: Uint32Array, wordAt: number, at: number): number {
  return (words[wordAt + (at >>> 2)]! >>> ((at & 3) << 3)) & 0xff;
}

function lowerOctetAt(words: Uint32Array, wordAt: number, at: number): number {
  const octet = octetAt(words, wordAt, at);
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
