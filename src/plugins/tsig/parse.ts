import type { BlockContext } from '../../config/corefile/block-context.ts';
import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readOpcode, readType } from '../../config/dns-words.ts';
import {
  argumentFault,
  countFault,
  readOptions,
  takeArgument,
  takeArguments,
} from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { canonicalName, readName } from '../../config/zone-name.ts';

export interface TsigOptions {
  /** canonical names */
  readonly zones: readonly string[];
  readonly secrets: readonly TsigSecret[];
  /** which questions need a signature */
  readonly requiredTypes: 'all' | readonly number[];
  readonly requiredOpcodes: 'all' | readonly number[];
}

export interface TsigSecret {
  /** canonical name of the key */
  readonly key: string;
  /** base64 */
  readonly secret: string;
}

/** `tsig [ZONES…] { secret NAME BASE64; secrets FILE; require all|none|TYPE…; require_opcode all|none|OPCODE… }` */
export default definePluginOnce('tsig', (line, block): TsigOptions => {
  const secrets = new Map<string, string>();
  let requiredTypes: TsigOptions['requiredTypes'] = [];
  let requiredOpcodes: TsigOptions['requiredOpcodes'] = [];
  const add = (token: CorefileToken, key: string, secret: string): void => {
    if (secrets.has(key)) throw argumentFault(token, `key ${quoteText(key)} redefined`);
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(secret)) block.warn(token, `the secret of key ${quoteText(key)} is not base64`);
    secrets.set(key, secret);
  };
  readOptions(line, {
    secret: (option) => {
      const [name, secret] = takeArguments(option, 2, 2, 'secret NAME BASE64');
      add(name!, readName(name!, 'key name'), secret!.text);
    },
    secrets: (option) => {
      const token = takeArgument(option, 'secrets FILE');
      for (const { key, secret } of readKeyFile(token, block)) add(token, key, secret);
    },
    require: (option) => {
      requiredTypes = readRequired(option, readType);
    },
    require_opcode: (option) => {
      requiredOpcodes = readRequired(option, readOpcode);
    },
  });
  return {
    zones: block.readZonesOrKeys(line.arguments),
    secrets: [...secrets].map(([key, secret]) => ({ key, secret })),
    requiredTypes,
    requiredOpcodes,
  };
});

function readRequired(option: CorefileLine, read: (token: CorefileToken) => number): 'all' | readonly number[] {
  const [first] = option.arguments;
  if (first === undefined) throw countFault(option.name, `${option.name.text} all|none|VALUE…`);
  if (first.text === 'all') return 'all';
  return first.text === 'none' ? [] : option.arguments.map((token) => read(token));
}

/** BIND's key file: `key "NAME" { algorithm A; secret "BASE64"; };`, one statement a line. */
function readKeyFile(token: CorefileToken, block: BlockContext): TsigSecret[] {
  const secrets: TsigSecret[] = [];
  let key: string | undefined;
  let secret: string | undefined;
  const fault = (index: number, message: string): Error =>
    argumentFault(token, `key file ${quoteText(token.text)}, line ${index + 1}: ${message}`);
  const lines = block.readFile(token, 'key file').split('\n');
  for (const [index, text] of lines.entries()) {
    const [word, value] = text.trim().split(/\s+/);
    if (word === undefined || word === '') continue;
    if (key === undefined) {
      if (word !== 'key') throw fault(index, `unexpected token ${quoteText(word)}, expected key`);
      key = canonicalName((value ?? '').replace(/^["{]+|["{]+$/g, ''));
      if (key === undefined) throw fault(index, 'expected key name');
      continue;
    }
    if (word === 'secret') secret = (value ?? '').replace(/^[";]+|[";]+$/g, '');
    if (word === 'secret' && secret === '') throw fault(index, 'expected secret key');
    if (word === '}' || word === '};') {
      if (secret === undefined) throw fault(index, `expected secret for key ${quoteText(key)}`);
      secrets.push({ key, secret });
      key = secret = undefined;
    } else if (word !== 'secret' && word !== 'algorithm') throw fault(index, `unexpected token ${quoteText(word)}`);
  }
  if (key !== undefined) throw fault(lines.length - 1, `key ${quoteText(key)} has no end`);
  return secrets;
}
