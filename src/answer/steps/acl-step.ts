/**
 * The step of the chain that decides who may ask for what: the first policy that matches client and type does, and what none
 * matches is allowed. A route has the policies of all its rules, in their order.
 */
import { EDE, RCODE } from '../../dns/iana.ts';
import type { ShardCounters } from '../../observability/counters/shard-counters.ts';
import type { SnapshotReader } from '../../snapshot/reader.ts';
import { ACL_ACTION, ACL_POLICY, ACL_RULES } from '../../snapshot/snapshot-layout.ts';
import type { QueryClient } from '../answerer-options.ts';
import { isClientInside, NETWORK4_WORDS, NETWORK6_WORDS } from '../client-networks.ts';
import type { Query } from '../query.ts';
import type { Response } from '../response.ts';
import { STEP_RESULT } from './step-result.ts';

export class AclStep {
  isCounting = true;
  private readonly words: Uint32Array;
  private readonly query: Query;
  private readonly response: Response;
  private readonly counters: ShardCounters;

  constructor(reader: SnapshotReader, query: Query, response: Response, counters: ShardCounters) {
    this.words = reader.words;
    this.query = query;
    this.response = response;
    this.counters = counters;
  }

  /**
   * @param rulesAt  word index of the ACL_RULES
   * @returns STEP_RESULT: NEXT if it is allowed, WITHHELD if there is to be no response
   */
  answer(rulesAt: number, client: QueryClient): number {
    const { words, response } = this;
    let policyAt = rulesAt + ACL_RULES.at.policies;
    for (let left = words[rulesAt + ACL_RULES.at.count]!; left > 0; left--) {
      if (this.matches(policyAt, client)) {
        const action = words[policyAt + ACL_POLICY.at.action]!;
        if (action === ACL_ACTION.ALLOW) break;
        if (this.isCounting) this.counters.countAcl(words[policyAt + ACL_POLICY.at.scope]!, action);
        if (action === ACL_ACTION.DROP) return STEP_RESULT.WITHHELD;
        response.rcode = action === ACL_ACTION.BLOCK ? RCODE.REFUSED : RCODE.NOERROR;
        response.extendedError = action === ACL_ACTION.BLOCK ? EDE.BLOCKED : EDE.FILTERED;
        return STEP_RESULT.DONE;
      }
      policyAt = this.nextPolicy(policyAt);
    }
    if (this.isCounting) this.counters.countAcl(words[rulesAt + ACL_RULES.at.allowedScope]!, ACL_ACTION.ALLOW);
    return STEP_RESULT.NEXT;
  }

  private nextPolicy(at: number): number {
    const { words } = this;
    const networks =
      NETWORK4_WORDS * words[at + ACL_POLICY.at.count4]! + NETWORK6_WORDS * words[at + ACL_POLICY.at.count6]!;
    return at + ACL_POLICY.words + words[at + ACL_POLICY.at.typeCount]! + networks;
  }

  private matches(at: number, client: QueryClient): boolean {
    const { words, query } = this;
    const typesAt = at + ACL_POLICY.words;
    const typeCount = words[at + ACL_POLICY.at.typeCount]!;
    let isType = typeCount === 0;
    for (let index = 0; index < typeCount && !isType; index++) isType = words[typesAt + index] === query.qtype;
    if (!isType) return false;
    const count4 = words[at + ACL_POLICY.at.count4]!;
    const count6 = words[at + ACL_POLICY.at.count6]!;
    if (words[at + ACL_POLICY.at.isForAll] !== 0) return true;
    return isClientInside(words, typesAt + typeCount, count4, count6, this.response.view, client);
  }
}
