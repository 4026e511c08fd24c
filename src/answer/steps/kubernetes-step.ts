/**
 * The step of the chain that answers from a zone of `kubernetes` or `k8s_external`: from the zone and the name to the records, written into
 * the response. All of it comes from the snapshot; nothing is computed that could have been stored.
 */
import { EDE, RCODE, TYPE } from '../../dns/iana.ts';
import {
  ADDRESS,
  ALIAS,
  DATASET,
  DATASET_FLAG,
  ENDPOINTS,
  ENTRY_FLAG,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  KEY_SPACE,
  KIND,
  NS,
  POINTER,
  POLICY_FLAG,
  RAW,
  STEP_FLAG,
  wordsFor,
  ZONE_FLAG,
  ZONE_INFO,
} from '../../snapshot/snapshot-layout.ts';
import { NOT_FOUND, type SnapshotReader } from '../../snapshot/reader.ts';
import { STEP_RESULT } from './step-result.ts';
import type { Rotation } from '../order/rotation.ts';
import { PodAddress } from './pod-name.ts';
import type { Query } from '../query.ts';
import { A_RECORD_SIZE, AAAA_RECORD_SIZE, SECTION, type Response } from '../response.ts';
import { writeZoneSoa } from './zone-soa.ts';

/** CNAME records followed within the server's own zones; a longer chain is taken for a loop (CoreDNS has the same limit). */
export const ALIASES_MAX = 10;
/** Groups of an ENDPOINTS entry that can fit a message of 65,535 octets: an SRV record has at least 20. */
const GROUPS_MAX = 4096;
/** Labels of `prefer._zone.S.N.svc`. */
const ZONAL_LABELS = 5;

export class KubernetesStep {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly words: Uint32Array;
  private readonly podAddress = new PodAddress();
  /** offset in the message of each group's first SRV target */
  private readonly groupTargets = new Uint16Array(GROUPS_MAX);
  private readonly rotation: Rotation;

  private zoneAt = 0;
  private datasetAt = 0;
  /** octets of the apex name of an external zone; 0: a zone of the cluster or the clusterset */
  private apexSize = 0;
  private ttl = 0;
  private targetTtl = 0;
  /** octets of the name left of the zone */
  private zoneStart = 0;
  private isMinimal = false;
  private isFallthrough = false;
  /** octets of the name left of the entry that answers it: not 0 for names that a default covers */
  private entrySkip = 0;

  constructor(reader: SnapshotReader, query: Query, response: Response, rotation: Rotation) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.words = reader.words;
    this.rotation = rotation;
  }

  /** What the server block does to answers, for those that follow. */
  setPolicy(policyFlags: number): void {
    this.isMinimal = (policyFlags & POLICY_FLAG.MINIMAL) !== 0;
  }

  /**
   * Answer the query's present name.
   *
   * @param zoneAt      word index of the ZONE_INFO
   * @param stepFlags   STEP_FLAG bits
   * @returns STEP_RESULT: FOLLOW if a CNAME was written whose target is to be looked up, NEXT if the name does not exist
   *   and is another step's then; GLUE if SRV records were written whose target may have addresses elsewhere
   */
  answer(zoneAt: number, stepFlags: number): number {
    const words = this.words;
    const query = this.query;
    this.zoneAt = zoneAt;
    this.zoneStart = query.nameSize - words[zoneAt + ZONE_INFO.at.zoneSize]!;
    this.datasetAt = this.reader.datasetAt(words[zoneAt + ZONE_INFO.at.dataset]!);
    this.ttl = words[zoneAt + ZONE_INFO.at.ttl]!;
    this.targetTtl = words[zoneAt + ZONE_INFO.at.targetTtl]!;
    this.apexSize = words[zoneAt + ZONE_INFO.at.apexSize]!;
    this.entrySkip = 0;
    this.isFallthrough = (stepFlags & STEP_FLAG.FALLTHROUGH) !== 0;
    this.response.isAuthoritative = true;
    const keySize = query.nameSize - words[zoneAt + ZONE_INFO.at.keySuffixSize]!;
    const keySpace = words[zoneAt + ZONE_INFO.at.keySpace]!;
    const isSynced = (words[this.datasetAt + DATASET.at.flags]! & DATASET_FLAG.SYNCED) !== 0;
    if (this.zoneStart === 0) {
      // Whom the zone of a single address points to depends on objects, and what a cluster zone's servers are called.
      const isOpen = query.qtype === TYPE.PTR || (query.qtype === TYPE.NS && keySpace !== KEY_SPACE.EXTERNAL);
      if (!isSynced && isOpen) return this.refuseUnsynced();
      this.answerApex(keySpace, keySize);
      return STEP_RESULT.DONE;
    }
    let entryAt = this.reader.findEntry(this.datasetAt, keySpace, query.nameWords, keySize);
    if (entryAt === NOT_FOUND && (words[zoneAt + ZONE_INFO.at.flags]! & ZONE_FLAG.EXTERNAL_REVERSE) !== 0) {
      entryAt = this.reader.findEntry(this.datasetAt, KEY_SPACE.EXTERNAL, query.nameWords, this.zoneStart);
    }
    if (!isSynced && !this.isFixed(entryAt)) return this.refuseUnsynced();
    if (entryAt === NOT_FOUND) return this.answerMissing(keySpace);
    if (((words[entryAt]! >>> ENTRY_FLAGS_SHIFT) & ENTRY_FLAG.EMPTY_SELF) !== 0) {
      this.writeNegative(RCODE.NOERROR);
      return STEP_RESULT.DONE;
    }
    return this.answerEntry(entryAt);
  }

  /** Names that depend on no object: they are known before the first list is complete. */
  private isFixed(entryAt: number): boolean {
    return entryAt !== NOT_FOUND && ((this.words[entryAt]! >>> ENTRY_FLAGS_SHIFT) & ENTRY_FLAG.FIXED) !== 0;
  }

  private refuseUnsynced(): number {
    this.response.rcode = RCODE.SERVFAIL;
    this.response.extendedError = EDE.NOT_READY;
    return STEP_RESULT.DONE;
  }

  private answerEntry(entryAt: number): number {
    const head = this.words[entryAt]!;
    const payloadAt = entryAt + 1 + (((head & ENTRY_KEY_SIZE_MASK) + 3) >>> 2);
    switch ((head >>> ENTRY_KIND_SHIFT) & 0xf) {
      case KIND.ADDRESS:
        this.answerAddress(payloadAt);
        break;
      case KIND.ENDPOINTS:
        this.answerEndpoints(payloadAt);
        break;
      case KIND.POINTER:
        this.answerPointer(payloadAt, ((head >>> ENTRY_FLAGS_SHIFT) & ENTRY_FLAG.FIRST_ONLY) !== 0);
        break;
      case KIND.ALIAS:
        return this.answerAlias(payloadAt);
      case KIND.RAW:
        this.answerRaw(payloadAt);
        break;
      default:
        this.writeNegative(RCODE.NOERROR);
    }
    return STEP_RESULT.DONE;
  }

  // ---- negative answers -----------------------------------------------------------------------------------------

  /** NODATA or NXDOMAIN: the SOA in the authority section (RFC 2308). */
  private writeNegative(rcode: number): void {
    const response = this.response;
    response.rcode = rcode;
    response.section = SECTION.AUTHORITY;
    this.writeSoa();
  }

  private writeSoa(): boolean {
    const zoneOffset = this.response.ownerOffset + this.zoneStart;
    return writeZoneSoa(this.response, this.words, this.zoneAt, this.datasetAt, zoneOffset);
  }

  /** No entry of this name: NXDOMAIN, unless the zone has names that are not stored one by one. */
  private answerMissing(keySpace: number): number {
    const flags = this.words[this.zoneAt + ZONE_INFO.at.flags]!;
    if ((flags & ZONE_FLAG.PODS_INSECURE) !== 0 && this.answerPod(keySpace)) return STEP_RESULT.DONE;
    if ((flags & ZONE_FLAG.ZONAL) !== 0 && this.answerZonal(keySpace)) return STEP_RESULT.DONE;
    if (this.isFallthrough && !this.isBelowApexName()) {
      this.response.isAuthoritative = false;
      return STEP_RESULT.NEXT;
    }
    this.writeNegative(RCODE.NXDOMAIN);
    return STEP_RESULT.DONE;
  }

  /** What lies below the apex name of an external zone is the zone's own, whoever else has a say in it. */
  private isBelowApexName(): boolean {
    const { words, apexSize, query, zoneAt } = this;
    const start = this.zoneStart - apexSize;
    if (apexSize === 0 || start <= 0) return false;
    let label = query.labelCount;
    while (label > 0 && query.labelStarts[label]! > start) label--;
    if (query.labelStarts[label] !== start) return false;
    const apexAt = zoneAt + ZONE_INFO.at.primary + wordsFor(words[zoneAt + ZONE_INFO.at.primarySize]!);
    for (let index = 0; index < apexSize; index++) {
      const octet = (words[apexAt + (index >>> 2)]! >>> ((index & 3) << 3)) & 0xff;
      if (query.nameBytes[start + index] !== octet) return false;
    }
    return true;
  }

  /** Labels of the name left of the zone. */
  private keyLabelCount(): number {
    const query = this.query;
    let count = query.labelCount;
    while (query.labelStarts[count]! > this.zoneStart) count--;
    return count;
  }

  /** `a-b-c-d.N.pod`: any address, if N.pod exists. @returns false if the name is none of these */
  private answerPod(keySpace: number): boolean {
    const query = this.query;
    const starts = query.labelStarts;
    const zoneStart = this.zoneStart;
    if (this.keyLabelCount() !== 3 || zoneStart - starts[2]! !== 4) return false;
    // The last label's octets: length 3, p, o, d.
    if (query.nameView.getUint32(starts[2]!) !== 0x03_70_6f_64) return false;
    const family = this.podAddress.parse(query.nameBytes, 1, query.nameBytes[0]!);
    if (family === 0) return false;
    const parent = starts[1]!;
    const namespace = this.reader.findEntryAt(this.datasetAt, keySpace, query.nameView, parent, zoneStart - parent);
    if (namespace === NOT_FOUND) return false;
    const response = this.response;
    if (family === 4 && query.qtype === TYPE.A) {
      response.writeA(this.podAddress.words, 0, 1, 0, response.ownerOffset, this.ttl);
    } else if (family === 6 && query.qtype === TYPE.AAAA) {
      response.writeAaaa(this.podAddress.words, 0, 1, 0, response.ownerOffset, this.ttl);
    } else {
      this.writeNegative(RCODE.NOERROR);
    }
    return true;
  }

  /** `<zone>.prefer._zone.S.N.svc` and `<zone>.pin._zone.S.N.svc` of a zone no endpoint is in. */
  private answerZonal(keySpace: number): boolean {
    const query = this.query;
    const labels = this.keyLabelCount();
    if (labels <= ZONAL_LABELS) return false;
    const ancestor = query.labelStarts[labels - ZONAL_LABELS]!;
    const entryAt = this.reader.findEntryAt(
      this.datasetAt,
      keySpace,
      query.nameView,
      ancestor,
      this.zoneStart - ancestor,
    );
    if (entryAt === NOT_FOUND) return false;
    const flags = this.words[entryAt]! >>> ENTRY_FLAGS_SHIFT;
    if ((flags & ENTRY_FLAG.NODATA_BELOW) !== 0) {
      this.writeNegative(RCODE.NOERROR);
      return true;
    }
    if ((flags & ENTRY_FLAG.DEFAULT_BELOW) === 0) return false;
    this.entrySkip = ancestor;
    this.answerEntry(entryAt);
    return true;
  }

  // ---- positive answers -----------------------------------------------------------------------------------------

  private writeAddresses4(first: number, count: number): void {
    if (count === 0) return this.writeNegative(RCODE.NOERROR);
    const response = this.response;
    const written = response.writeA(
      this.words,
      first,
      count,
      this.rotation.start(count),
      response.ownerOffset,
      this.ttl,
    );
    if (written < count) response.isTruncated = true;
  }

  private writeAddresses6(first: number, count: number): void {
    if (count === 0) return this.writeNegative(RCODE.NOERROR);
    const response = this.response;
    const written = response.writeAaaa(
      this.words,
      first,
      count,
      this.rotation.start(count),
      response.ownerOffset,
      this.ttl,
    );
    if (written < count) response.isTruncated = true;
  }

  private answerAddress(at: number): void {
    const words = this.words;
    const count4 = words[at + ADDRESS.at.count4]!;
    const count6 = words[at + ADDRESS.at.count6]!;
    const srv = words[at + ADDRESS.at.srv]!;
    const portCount = srv & 0xffff;
    const portsAt = at + ADDRESS.at.data;
    const addressesAt = portsAt + ((portCount + 1) >>> 1);
    switch (this.query.qtype) {
      case TYPE.A:
        return this.writeAddresses4(addressesAt, count4);
      case TYPE.AAAA:
        return this.writeAddresses6(addressesAt + count4, count6);
      case TYPE.SRV:
        if (portCount > 0) return this.writeServices(srv, portsAt, portCount, addressesAt, count4, count6);
    }
    this.writeNegative(RCODE.NOERROR);
  }

  /** SRV records that point at the name itself or at a part of it, and that name's addresses. */
  private writeServices(
    srv: number,
    portsAt: number,
    portCount: number,
    addressesAt: number,
    count4: number,
    count6: number,
  ): void {
    const words = this.words;
    const response = this.response;
    const query = this.query;
    const skip = this.entrySkip + (srv >>> 24);
    const weight = (srv >>> 16) & 0xff;
    const zoneStart = this.zoneStart;
    for (let index = 0; index < portCount; index++) {
      const port = (words[portsAt + (index >>> 1)]! >>> ((index & 1) << 4)) & 0xffff;
      if (
        response.writeSrv(
          weight,
          port,
          this.targetTtl,
          words,
          0,
          0,
          query.nameBytes,
          skip,
          zoneStart,
          query.nameSize,
        ) === 0
      ) {
        response.isTruncated = true;
        return;
      }
    }
    // Additional records are optional: without room for all of the target's they are left out, and TC is not set.
    if (this.isMinimal || !this.hasRoom(count4, count6)) return;
    response.section = SECTION.ADDITIONAL;
    response.writeA(words, addressesAt, count4, 0, response.ownerOffset + skip, this.ttl);
    response.writeAaaa(words, addressesAt + count4, count6, 0, response.ownerOffset + skip, this.ttl);
  }

  private hasRoom(count4: number, count6: number): boolean {
    const response = this.response;
    return response.position + count4 * A_RECORD_SIZE + count6 * AAAA_RECORD_SIZE <= response.limit;
  }

  private answerEndpoints(at: number): void {
    const words = this.words;
    const count4 = words[at + ENDPOINTS.at.count4]!;
    const count6 = words[at + ENDPOINTS.at.count6]!;
    const addressesAt = at + ENDPOINTS.at.data;
    switch (this.query.qtype) {
      case TYPE.A:
        return this.writeAddresses4(addressesAt, count4);
      case TYPE.AAAA:
        return this.writeAddresses6(addressesAt + count4, count6);
      case TYPE.SRV:
        if (words[at + ENDPOINTS.at.srvCount]! > 0) return this.writeEndpointServices(at);
    }
    this.writeNegative(RCODE.NOERROR);
  }

  /** SRV records with a target per endpoint label, then the targets' addresses. */
  private writeEndpointServices(at: number): void {
    const words = this.words;
    const srv = words[at + ENDPOINTS.at.srv]!;
    const portSetsAt = at + ENDPOINTS.at.data + words[at + ENDPOINTS.at.count4]! + 4 * words[at + ENDPOINTS.at.count6]!;
    let groupAt = portSetsAt;
    for (let left = srv & 0xffff; left > 0; left--) groupAt += 1 + ((words[groupAt]! + 1) >>> 1);
    const stored = words[at + ENDPOINTS.at.groupCount]!;
    const groupCount = stored < GROUPS_MAX ? stored : GROUPS_MAX;
    if (groupCount < stored) this.response.isTruncated = true;
    const groupsAt = groupAt;
    for (let group = 0; group < groupCount; group++) {
      if (!this.writeGroupServices(group, groupAt, portSetsAt, srv)) {
        this.response.isTruncated = true;
        return;
      }
      groupAt = this.nextGroup(groupAt);
    }
    if (this.isMinimal) return;
    this.response.section = SECTION.ADDITIONAL;
    this.writeGroupAddresses(groupsAt, groupCount);
  }

  private nextGroup(groupAt: number): number {
    const counts = this.words[groupAt + 1]!;
    const labelWords = ((this.words[groupAt]! & 0xff) + 3) >>> 2;
    return groupAt + 2 + labelWords + (counts & 0xffff) + 4 * (counts >>> 16);
  }

  private writeGroupServices(group: number, groupAt: number, portSetsAt: number, srv: number): boolean {
    const words = this.words;
    const query = this.query;
    const labelSize = words[groupAt]! & 0xff;
    let portSetAt = portSetsAt;
    for (let left = words[groupAt]! >>> 8; left > 0; left--) portSetAt += 1 + ((words[portSetAt]! + 1) >>> 1);
    const portCount = words[portSetAt]!;
    const skip = this.entrySkip + (srv >>> 24);
    const weight = (srv >>> 16) & 0xff;
    const zoneStart = this.zoneStart;
    this.groupTargets[group] = 0;
    for (let index = 0; index < portCount; index++) {
      const port = (words[portSetAt + 1 + (index >>> 1)]! >>> ((index & 1) << 4)) & 0xffff;
      const target = this.response.writeSrv(
        weight,
        port,
        this.targetTtl,
        words,
        groupAt + 2,
        labelSize,
        query.nameBytes,
        skip,
        zoneStart,
        query.nameSize,
      );
      if (target === 0) return false;
      if (index === 0) this.groupTargets[group] = target;
    }
    return true;
  }

  /** Additional records, a whole target at a time, as long as there is room and a pointer reaches the target's name. */
  private writeGroupAddresses(groupsAt: number, groupCount: number): void {
    const words = this.words;
    const response = this.response;
    let groupAt = groupsAt;
    for (let group = 0; group < groupCount; group++) {
      const counts = words[groupAt + 1]!;
      const count4 = counts & 0xffff;
      const count6 = counts >>> 16;
      const target = this.groupTargets[group]!;
      if (target > 0x3fff) return;
      if (target !== 0) {
        if (!this.hasRoom(count4, count6)) return;
        const addressesAt = groupAt + 2 + (((words[groupAt]! & 0xff) + 3) >>> 2);
        response.writeA(words, addressesAt, count4, 0, target, this.ttl);
        response.writeAaaa(words, addressesAt + count4, count6, 0, target, this.ttl);
      }
      groupAt = this.nextGroup(groupAt);
    }
  }

  private answerPointer(at: number, isFirstOnly: boolean): void {
    if (this.query.qtype !== TYPE.PTR) return this.writeNegative(RCODE.NOERROR);
    const words = this.words;
    const response = this.response;
    const primarySize = words[this.zoneAt + ZONE_INFO.at.primarySize]!;
    const primaryAt = this.zoneAt + ZONE_INFO.at.primary;
    const count = isFirstOnly ? 1 : words[at + POINTER.at.count]!;
    let targetAt = at + POINTER.at.targets;
    let zoneOffset = 0;
    for (let index = 0; index < count; index++) {
      const size = words[targetAt]! & 0xff;
      const offset = response.writeNameRecord(
        TYPE.PTR,
        this.ttl,
        words,
        targetAt + 1,
        size,
        primaryAt,
        primarySize,
        zoneOffset,
      );
      if (offset === 0) {
        response.isTruncated = true;
        return;
      }
      if (zoneOffset === 0) zoneOffset = offset + size;
      targetAt += 1 + ((size + 3) >>> 2);
    }
  }

  /**
   * The CNAME answers every type (RFC 1034 §3.6.2); whoever asked for another one gets its target's records too. But for
   * SRV at a load balancer's name: such a record points at the target itself.
   */
  private answerAlias(at: number): number {
    const size = this.words[at + ALIAS.at.targetSize]!;
    if (this.query.qtype === TYPE.SRV && (this.words[at + ALIAS.at.srv]! & 0xffff) > 0) {
      return this.writeAliasServices(at, size);
    }
    const offset = this.response.writeNameRecord(
      TYPE.CNAME,
      this.targetTtl,
      this.words,
      at + ALIAS.at.target,
      size,
      0,
      0,
      0,
    );
    if (offset === 0) {
      this.response.isTruncated = true;
      return STEP_RESULT.DONE;
    }
    if (this.query.qtype === TYPE.CNAME) return STEP_RESULT.DONE;
    this.response.followOffset = offset;
    return STEP_RESULT.FOLLOW;
  }

  private writeAliasServices(at: number, targetSize: number): number {
    const words = this.words;
    const srv = words[at + ALIAS.at.srv]!;
    const targetAt = at + ALIAS.at.target;
    const portsAt = targetAt + ((targetSize + 3) >>> 2);
    const weight = (srv >>> 16) & 0xff;
    for (let index = 0; index < (srv & 0xffff); index++) {
      const port = (words[portsAt + (index >>> 1)]! >>> ((index & 1) << 4)) & 0xffff;
      const { nameBytes } = this.query;
      const target = this.response.writeSrv(
        weight,
        port,
        this.targetTtl,
        words,
        targetAt,
        targetSize,
        nameBytes,
        0,
        0,
        0,
      );
      if (target === 0) {
        this.response.isTruncated = true;
        return STEP_RESULT.DONE;
      }
      this.response.followOffset = target;
    }
    return this.isMinimal ? STEP_RESULT.DONE : STEP_RESULT.GLUE;
  }

  private answerRaw(at: number): void {
    const words = this.words;
    let rrsetAt = at + RAW.at.rrsets;
    for (let left = words[at + RAW.at.rrsetCount]!; left > 0; left--) {
      const size = words[rrsetAt + 1]!;
      if ((words[rrsetAt]! & 0xffff) === this.query.qtype) {
        const count = words[rrsetAt]! >>> 16;
        if (this.response.writeRaw(words, rrsetAt + 2, size, count) < count) this.response.isTruncated = true;
        return;
      }
      rrsetAt += 2 + ((size + 3) >>> 2);
    }
    this.writeNegative(RCODE.NOERROR);
  }

  // ---- apex -----------------------------------------------------------------------------------------------------

  private answerApex(keySpace: number, keySize: number): void {
    const qtype = this.query.qtype;
    if (qtype === TYPE.SOA) {
      if (!this.writeSoa()) this.response.isTruncated = true;
      return;
    }
    const nsAt = this.words[this.datasetAt + this.words[this.zoneAt + ZONE_INFO.at.nsField]!]! * 2;
    if (qtype === TYPE.NS && nsAt !== 0 && this.words[nsAt + NS.at.count]! > 0) {
      return this.writeNameServers(nsAt, keySpace);
    }
    // The zone of a single address has that address's PTR at its apex.
    if (qtype === TYPE.PTR && keySize > 0) {
      const entryAt = this.reader.findEntry(this.datasetAt, keySpace, this.query.nameWords, keySize);
      if (entryAt !== NOT_FOUND) {
        this.answerEntry(entryAt);
        return;
      }
    }
    this.writeNegative(RCODE.NOERROR);
  }

  /** NS records, then the servers' addresses, as far as there is room for all of a server's. */
  private writeNameServers(nsAt: number, keySpace: number): void {
    const words = this.words;
    const response = this.response;
    const count = words[nsAt + NS.at.count]!;
    const primarySize = words[this.zoneAt + ZONE_INFO.at.primarySize]!;
    const primaryAt = this.zoneAt + ZONE_INFO.at.primary;
    // A zone of names has its servers below itself, and so has every external zone: the question is what the targets end in.
    const isOwn = this.apexSize > 0 || keySpace === KEY_SPACE.FORWARD || keySpace === KEY_SPACE.CLUSTERSET;
    let zoneOffset = isOwn ? response.ownerOffset : 0;
    let serverAt = nsAt + NS.at.servers;
    for (let server = 0; server < count; server++) {
      const size = words[serverAt]!;
      const target = response.writeNameRecord(
        TYPE.NS,
        this.ttl,
        words,
        serverAt + 3,
        size,
        primaryAt,
        primarySize,
        zoneOffset,
      );
      if (target === 0) {
        response.isTruncated = true;
        return;
      }
      if (zoneOffset === 0) zoneOffset = target + size;
      this.groupTargets[server & (GROUPS_MAX - 1)] = target;
      serverAt = this.nextServer(serverAt);
    }
    if (this.isMinimal) return;
    response.section = SECTION.ADDITIONAL;
    serverAt = nsAt + NS.at.servers;
    for (let server = 0; server < count; server++) {
      const count4 = words[serverAt + 1]!;
      const count6 = words[serverAt + 2]!;
      if (!this.hasRoom(count4, count6)) return;
      const addressesAt = serverAt + 3 + ((words[serverAt]! + 3) >>> 2);
      const target = this.groupTargets[server & (GROUPS_MAX - 1)]!;
      response.writeA(words, addressesAt, count4, 0, target, this.ttl);
      response.writeAaaa(words, addressesAt + count4, count6, 0, target, this.ttl);
      serverAt = this.nextServer(serverAt);
    }
  }

  private nextServer(serverAt: number): number {
    const words = this.words;
    return serverAt + 3 + ((words[serverAt]! + 3) >>> 2) + words[serverAt + 1]! + 4 * words[serverAt + 2]!;
  }
}
