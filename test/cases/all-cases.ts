/** The table of cases: every cluster with its questions. */
import * as apex from './apex-cases.ts';
import * as clusterIp from './cluster-ip-cases.ts';
import * as externalName from './external-name-cases.ts';
import * as external from './external-zone-cases.ts';
import * as headless from './headless-cases.ts';
import * as multicluster from './multicluster-cases.ts';
import * as limits from './name-limit-cases.ts';
import * as options from './option-cases.ts';
import * as pods from './pod-cases.ts';
import * as reverse from './reverse-cases.ts';
import { parseCases, type CaseGroup, type Cluster } from './case-format.ts';

const GROUPS: readonly CaseGroup[] = [
  clusterIp,
  headless,
  externalName,
  apex,
  pods,
  reverse,
  options,
  limits,
  external,
  multicluster,
].flatMap((file) => Object.values(file));

export const CLUSTERS: readonly Cluster[] = GROUPS.map(parseCases);
