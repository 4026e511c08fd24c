/** Every plugin that is a step of the chain, by its name in the Corefile. */
import type { PluginName } from '../../plugins/order.ts';
import { makeAcl } from './steps/acl.ts';
import { makeAutopath } from './steps/autopath.ts';
import type { MakeSteps } from './block-compilation.ts';
import { makeRewrite } from './steps/rewrite.ts';
import { makeSecondary } from './steps/secondary.ts';
import { makeTemplates } from './steps/template.ts';
import { makeTransfer } from './steps/transfer.ts';
import { makeTsig } from './steps/tsig.ts';
import { makeDns64, makeSiit } from './steps/translation.ts';
import { makeForward } from './steps/forward.ts';
import { makeHosts } from './steps/hosts.ts';
import { makeExternal, makeKubernetes } from './steps/kubernetes.ts';
import { makeAuto, makeFile } from './steps/zones.ts';
import { makeAny, makeChaos, makeLocal, makeWhoami } from './steps/simple-steps.ts';

export const STEP_MAKERS: ReadonlyMap<string, MakeSteps> = new Map<PluginName, MakeSteps>([
  ['acl', makeAcl],
  ['any', makeAny],
  ['auto', makeAuto],
  ['autopath', makeAutopath],
  ['chaos', makeChaos],
  ['dns64', makeDns64],
  ['file', makeFile],
  ['forward', makeForward],
  ['hosts', makeHosts],
  ['k8s_external', makeExternal],
  ['kubernetes', makeKubernetes],
  ['local', makeLocal],
  ['rewrite', makeRewrite],
  ['secondary', makeSecondary],
  ['siit', makeSiit],
  ['template', makeTemplates],
  ['transfer', makeTransfer],
  ['tsig', makeTsig],
  ['whoami', makeWhoami],
]);
