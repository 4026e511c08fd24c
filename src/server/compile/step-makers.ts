/** Every plugin that is a step of the chain, by its name in the Corefile. */
import type { PluginName } from '../../plugins/order.ts';
import { makeAcl } from './acl.ts';
import { makeAutopath } from './autopath.ts';
import type { MakeSteps } from './block-compilation.ts';
import { makeRewrite } from './rewrite.ts';
import { makeSecondary } from './secondary.ts';
import { makeTemplates } from './template.ts';
import { makeTransfer } from './transfer.ts';
import { makeTsig } from './tsig.ts';
import { makeDns64, makeSiit } from './translation.ts';
import { makeForward } from './forward.ts';
import { makeHosts } from './hosts.ts';
import { makeExternal, makeKubernetes } from './kubernetes.ts';
import { makeAuto, makeFile } from './zones.ts';
import { makeAny, makeChaos, makeLocal, makeWhoami } from './simple-steps.ts';

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
