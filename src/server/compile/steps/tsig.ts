import { createHash } from 'node:crypto';
import type { TsigKeysProgram, TsigProgram } from '../../../answer/steps/tsig-step.ts';
import type { CorefileBlock } from '../../../plugins/corefile-config.ts';
import type { KeysDescription, TsigStep } from '../../../snapshot/config-description.ts';
import type { MakeSteps } from '../block-compilation.ts';
import { addAll, covers } from '../zone-cover.ts';
import { encodeProgram } from '../../../snapshot/program-text.ts';

/** A step for all names of the block: one for those of the plugin's zones, one for those outside. */
export const makeTsig: MakeSteps = ({ plugins, zones }) => {
  const { zones: covered, requiredTypes, requiredOpcodes } = plugins.tsig!;
  addAll(zones, covered);
  const stepOf = (isCovered: boolean): TsigStep => {
    const program: TsigProgram = { isCovered, requiredTypes, requiredOpcodes };
    return { kind: 'tsig', program: encodeProgram(program) };
  };
  const inside = stepOf(true);
  const outside = stepOf(false);
  return [(suffix) => [covered.some((zone) => covers(zone, suffix)) ? inside : outside]];
};

/** The keys of all blocks that share a listener; undefined: there are none. */
export function keysOf(blocks: readonly CorefileBlock[]): KeysDescription | undefined {
  const keys = blocks.flatMap(({ plugins }) => plugins.tsig?.secrets ?? []);
  if (keys.length === 0) return undefined;
  const program: TsigKeysProgram = { keys: keys.map(({ key, secret }) => ({ name: key, secret })) };
  return { program: encodeProgram(program) };
}

/** Stands for all secrets, which may come from files: another text is another configuration. */
export function secretsText(blocks: readonly CorefileBlock[]): string {
  const secrets = blocks.map(({ plugins }) => plugins.tsig?.secrets ?? []);
  return secrets.every((list) => list.length === 0)
    ? ''
    : createHash('sha256').update(JSON.stringify(secrets)).digest('base64');
}
