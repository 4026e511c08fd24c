import type { BlockContext } from '../../config/corefile/block-context.ts';
import type { CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readClass, readRcode, readType } from '../../config/dns-words.ts';
import { checkVariableName, readExpr } from '../../config/expr/expr-reader.ts';
import { typeOfKept } from '../../config/expr/expr-type-names.ts';
import { QUERY_FUNCTIONS, type Expr, type ExprType } from '../../config/expr/expr-tree.ts';
import {
  argumentFault,
  countFault,
  readOptions,
  takeArguments,
  type OptionReaders,
} from '../../config/corefile/line-reader.ts';
import { readInteger, U16_MAX } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readRegex } from '../../config/regex.ts';
import { parseTemplate } from '../../config/template/template-parser.ts';
import { TemplateFault, type Template } from '../../config/template/template-tree.ts';

export interface TemplateOptions {
  /** in the order of the text */
  readonly templates: readonly TemplateRule[];
}

export interface TemplateRule {
  /** 255: any */
  readonly qclass: number;
  /** 255: any */
  readonly qtype: number;
  /** canonical names */
  readonly zones: readonly string[];
  /** RE2 over the lower-cased absolute name; the first that matches gives the groups */
  readonly patterns: readonly string[];
  /** records in the format of zone files */
  readonly answer: readonly Template[];
  readonly additional: readonly Template[];
  readonly authority: readonly Template[];
  /** of the answer, additional and authority sections */
  readonly texts: readonly (readonly string[])[];
  readonly rcode: number;
  readonly extendedError: { readonly code: number; readonly text: string } | null;
  /** each may use those before it */
  readonly variables: readonly { readonly name: string; readonly expression: Expr }[];
  /** all have to be true */
  readonly expressions: readonly Expr[];
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
}

const SECTIONS = ['answer', 'additional', 'authority'] as const;

interface Draft {
  patterns: string[];
  answer: Template[];
  additional: Template[];
  authority: Template[];
  texts: [string[], string[], string[]];
  rcode: number;
  extendedError: TemplateRule['extendedError'];
  variables: { readonly name: string; readonly expression: Expr }[];
  expressions: Expr[];
  fallthrough: readonly string[] | null;
}

/** `template CLASS TYPE [ZONES…] { … }`; several are tried in the order of the text. */
export default definePlugin('template', (lines, block): TemplateOptions => ({
  templates: lines.map((line) => readRule(line, block)),
}));

function readRule(line: CorefileLine, block: BlockContext): TemplateRule {
  const [qclass, qtype, ...zones] = takeArguments(line, 2, Infinity, 'template CLASS TYPE [ZONES…]');
  const draft: Draft = {
    patterns: [],
    answer: [],
    additional: [],
    authority: [],
    texts: [[], [], []],
    rcode: 0,
    extendedError: null,
    variables: [],
    expressions: [],
    fallthrough: null,
  };
  const common = { qclass: readClass(qclass!), qtype: readType(qtype!), zones: block.readZonesOrKeys(zones) };
  readOptions(
    line,
    readersOf(draft, block),
    (name) => `Wrong argument count or unexpected line ending after '${name}': there is no such option`,
  );
  return { ...common, ...draft, patterns: draft.patterns.length === 0 ? ['.*'] : draft.patterns };
}

function readersOf(draft: Draft, block: BlockContext): OptionReaders {
  const readTemplates = (section: (typeof SECTIONS)[number]) => (option: CorefileLine) => {
    const tokens = takeArguments(option, 1, Infinity, `${section} TEMPLATE…`);
    draft[section].push(...tokens.map((token) => readTemplate(token, block)));
    draft.texts[SECTIONS.indexOf(section)]!.push(...tokens.map(({ text }) => text));
  };
  const variableTypes: Record<string, ExprType> = {};
  const scope = {
    functions: { ...QUERY_FUNCTIONS, group: { parameters: ['unknown'], result: 'string' } },
    variables: variableTypes,
  } as const;
  return {
    match: (option) => {
      const tokens = takeArguments(option, 1, Infinity, 'match REGEX…');
      draft.patterns.push(...tokens.map((token) => readRegex(token).pattern));
    },
    answer: readTemplates('answer'),
    additional: readTemplates('additional'),
    authority: readTemplates('authority'),
    rcode: (option) => {
      const [token] = option.arguments;
      if (token === undefined) throw countFault(option.name, 'rcode RCODE');
      draft.rcode = readRcode(token);
    },
    ederror: (option) => {
      const [code, text] = takeArguments(option, 1, 2, 'ederror CODE [TEXT]');
      const number = readInteger(code!, 'extended DNS error code', 0, U16_MAX);
      draft.extendedError = { code: number, text: text?.text ?? '' };
    },
    var: (option) => {
      const [name, ...words] = option.arguments;
      if (name === undefined || words.length === 0) throw countFault(name ?? option.name, 'var NAME EXPRESSION');
      const reason = checkVariableName(name.text, scope);
      if (reason !== undefined) throw argumentFault(name, reason);
      const { expr, type } = readExpr(words, scope);
      variableTypes[name.text] = typeOfKept(type);
      draft.variables.push({ name: name.text, expression: expr });
    },
    expr: (option) => {
      if (option.arguments.length === 0) throw countFault(option.name, 'expr EXPRESSION');
      draft.expressions.push(readExpr(option.arguments, scope).expr);
    },
    fallthrough: (option) => {
      draft.fallthrough = block.readFallthrough(option.arguments);
    },
    upstream: () => undefined,
  };
}

function readTemplate(token: CorefileToken, block: BlockContext): Template {
  try {
    return parseTemplate(token.text, (message) =>
      block.warn(token, `plugin/template: ${message}: it will answer SERVFAIL`),
    );
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    throw argumentFault(token, `could not compile template: ${error.message}`);
  }
}
